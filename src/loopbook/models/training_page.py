"""Figures and tables of notebook 03: how good a fit is on validation, by the type of its task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.models import predictions
from loopbook.models.predictions import ANSWER, BEFORE, Floats
from loopbook.models.training.fit_store import Fit
from loopbook.scenario.task import Number, Task
from loopbook.statistics import conformal, evaluation, targets

_SHOWN = 15
_BANDS = {"mean": "residual", "quantile of 95%": "high", "quantile of 5%": "low"}


@dataclass(frozen=True, eq=False)
class Held:
    """What a candidate says of validation.

    Attributes
    ----------
    name
        The candidate's.
    fit
        Its fit, whose predictions these are.
    resamples
        Behind each interval.
    """

    name: str
    fit: Fit
    task: Task
    resamples: int

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """The metrics of the label with 95% intervals, as `evaluation.metrics` returns them."""
        table, kind = self.fit.predictions, self.task.type
        return evaluation.metrics(
            self.label, self.said(ANSWER), groups=table["group"], resamples=self.resamples, task=kind
        )

    @property
    def label(self) -> "pd.Series[Any]":
        """The labels as rows carry them."""
        return self.fit.predictions["label"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return targets.classes(self.label, self.task)

    def said(self, when: str) -> Floats:
        """Return what metrics judge, `BEFORE` calibration or as `ANSWER`."""
        return targets.narrow(predictions.array(self.fit.predictions, when))

    @property
    def by_class(self) -> tuple[Floats, Floats]:
        """Class codes of the labels, and the probabilities of the classes: of a number, those of its bands."""
        said, codes = self.said(ANSWER), targets.codes(self.label, self.task).astype(np.float64)
        return codes, conformal.bands(said, self.task.label.limits) if isinstance(self.task, Number) else said

    def further(self) -> dict[str, pd.DataFrame]:
        """Return the metrics of each further output, on the rows where it is known, by its name."""
        said = {name: predictions.array(self.fit.predictions, name) for name in self.task.also}
        return further(self.fit.predictions, said, self.resamples)

    def table(self) -> pd.DataFrame:
        """Return the metrics of the label, and beside them those of further outputs."""
        parts = {self.task.label.column: self.metrics, **self.further()}
        named = [
            part.set_axis([f"{name}{end}" for end in ("", "_low", "_high")], axis=1) for name, part in parts.items()
        ]
        return self.metrics if len(named) == 1 else pd.concat(named, axis=1).rename_axis("metric")

    def figures(self) -> dict[str, float]:
        """Return the metrics as flat numbers to record: ``validation_…``, of further outputs with their name."""
        surely = [str(name) for name in ("log_loss", "ece", "pinball", "coverage") if name in self.metrics.index]
        found = evaluation.flat(self.metrics, "validation_", surely, self.task.type)
        for name, table in self.further().items():
            found |= evaluation.flat(table, f"validation_{name}_", ("log_loss", "ece"), "multiclass")
        return found


def further(rows: pd.DataFrame, said: Mapping[str, Floats], resamples: int) -> dict[str, pd.DataFrame]:
    """Return the metrics of further outputs by name, each on the rows where it is known; `said` are probabilities."""
    found = {}
    for name, p in said.items():
        known = rows[f"label_{name}"].notna().to_numpy()
        if known.any():
            label, groups = rows[f"label_{name}"][known], rows["group"][known]
            found[name] = evaluation.metrics(label, p[known], groups=groups, resamples=resamples, task="multiclass")
    return found


def learning_curve(held: Held) -> Figure:
    """Draw the risk on train and validation by epoch."""
    history = held.fit.history
    best = int(history["val_loss"].argmin())
    return plots.lines(
        {"train": (history.epoch, history.loss), "validation": (history.epoch, history.val_loss)},
        title=f"{held.name}: best after epoch {history.epoch.iloc[best]}, ended by {held.fit.facts['ended']}",
        x="epoch",
        y="risk",
        alt=f"Risk of {held.name} on train and validation by epoch.",
        marks={"best": (history.epoch.iloc[best], history.val_loss.iloc[best])},
    )


def learning_rates(held: Held) -> Figure | str:
    """Draw the loss of the learning-rate range test by step size, if there was one."""
    rates = held.fit.rates
    if rates.empty:
        return "No range test was made: the step size is learning_rate. With range_test = 100 it is found by a test."
    size, loss, smooth = (np.asarray(rates[name]) for name in ("learning_rate", "loss", "smooth"))
    best, found = smooth.argmin(), held.fit.facts["learning_rate"]
    return plots.lines(
        {"loss of a batch": (np.log10(size), loss), "smoothed": (np.log10(size), smooth)},
        title=f"{held.name}: trained with the step size {found:.2g}, a tenth of that of the smallest loss",
        x="step size, power of 10",
        y="risk",
        alt=f"Risk of {held.name} over a few steps of rising size.",
        marks={"smallest": (float(np.log10(size[best])), float(smooth[best]))},
    )


def ranking(held: Held) -> Figure | pd.DataFrame:
    """Show what is told apart: the ROC curve of two classes, the report by class of several, residuals of a number."""
    name, value = held.name, held.metrics["value"]
    if isinstance(held.task, Number):
        return residuals(held)
    if len(held.classes) > 2:
        return report(*held.by_class, held.classes)
    curve = evaluation.roc(*held.by_class)
    return plots.lines(
        {name: (curve.false_positive_rate, curve.true_positive_rate)},
        title=f"{name}: ROC AUC {value['roc_auc']:.3f} on validation",
        x="false positive rate",
        y="true positive rate",
        alt=f"ROC curve of {name} on validation.",
        diagonal=True,
    )


def finding(held: Held) -> Figure | pd.DataFrame:
    """Show what it costs to find rows: precision against recall; of several classes which is taken for which."""
    name, value = held.name, held.metrics["value"]
    if isinstance(held.task, Number):
        apart = held.label.to_numpy() - np.median(held.said(ANSWER), axis=1)
        return plots.histogram(
            {"validation": apart},
            title=f"{name}: half of the errors are below {np.median(np.abs(apart)):.3g} {held.task.label.unit}",
            x="label less prediction",
            alt=f"Distribution of the errors of {name} on validation.",
        )
    if len(held.classes) > 2:
        return evaluation.confusions(*held.by_class, names=held.classes, most=_SHOWN).round(3)
    curve = evaluation.pr(*held.by_class)
    return plots.lines(
        {name: (curve.recall, curve.precision)},
        title=f"{name}: average precision {value['pr_auc']:.3f}; chance would be {held.by_class[0].mean():.3f}",
        x="recall",
        y="precision",
        alt=f"Precision against recall of {name} on validation.",
    )


def confusion(held: Held) -> Figure:
    """Draw which class is taken for which; of many classes those that are taken for another most often."""
    codes, said = held.by_class
    counts = evaluation.confusion(codes, said, names=held.classes)
    right = np.trace(counts.to_numpy()) / counts.to_numpy().sum()
    return plots.matrix(
        counts,
        title=f"{held.name}: {right:.1%} of the answers are right",
        x="the model says",
        y="what is true",
        alt=f"Confusion matrix of {held.name} on validation.",
    )


def residuals(held: Held) -> Figure:
    """Draw how far each number lies from what was predicted, and the mean interval of 90% about such predictions."""
    said, label = held.said(ANSWER), held.label.to_numpy()
    table, middle = evaluation.residuals(label, said), np.median(said, axis=1)
    return plots.points(
        middle,
        label - middle,
        title=f"{held.name}: mean error {held.metrics.value['mae']:.3g}; {table['absolute'].iloc[0]:.3g} for the "
        f"lowest predictions, {table['absolute'].iloc[-1]:.3g} for the highest",
        x=f"prediction {held.task.label.unit}",  # type: ignore[attr-defined]
        y="label less prediction",
        alt=f"Residuals of {held.name} on validation by prediction, with their mean and the mean interval of 90%.",
        curves={name: (table["value"], table[column]) for name, column in _BANDS.items()},
        reference=0.0,
    )


def effect(held: Held) -> pd.DataFrame:
    """Return what calibration has done, honestly: after it each row is judged without its own group."""
    names = [name for name in ("log_loss", "ece", "classwise_ece", "pinball", "coverage") if name in held.metrics.index]
    found = {
        when: evaluation.metrics(held.label, held.said(part), resamples=0, only=names, task=held.task.type)["value"]
        for when, part in (("before", BEFORE), ("after", ANSWER))
    }
    return pd.DataFrame(found)


def reliability(held: Held) -> Figure:
    """Draw how often that happens which is said to be so probable: of several classes, that the answer is right."""
    parts = {"before": held.said(BEFORE), "after": held.said(ANSWER)}
    if isinstance(held.task, Number):
        y = held.label.to_numpy()[:, None]
        curves = {when: (conformal.LEVELS, (y <= said).mean(axis=0)) for when, said in parts.items()}
        few = conformal.note(held.fit.facts["residuals"])
        told = f"{held.metrics.value['coverage']:.1%} lie in their interval of 90%" + (f"; {few}" if few else "")
        axis = "level of the quantile"
    else:
        found = {when: evaluation.calibration(held.label, said) for when, said in parts.items()}
        curves = {when: (curve.probability.to_numpy(), curve.frequency.to_numpy()) for when, curve in found.items()}
        axis = "probability that the model gives"
        by = {name: held.fit.facts[name] for name in ("temperature", "reference") if name in held.fit.facts}
        said = ", ".join(f"{name} {value:.3g}" for name, value in by.items())
        told = f"{said}, calibration error {held.metrics.value['ece']:.3f}"
    return plots.lines(
        curves,
        title=f"{held.name}: {told}",
        x=axis,
        y="how often it happens",
        alt=f"Calibration curve of {held.name} before and after calibration.",
        diagonal=True,
    )


def report(codes: Floats, probability: Floats, names: Sequence[str]) -> pd.DataFrame:
    """Return the report by class; of many classes the worst, and all others as one row."""
    many = len(names) > _SHOWN
    table = evaluation.report(codes, probability, names=names, by="f1" if many else None, most=_SHOWN if many else None)
    return table.round(3)


def off(title: str, label: "pd.Series[Any]", values: dict[str, Floats], told: str) -> Figure:
    """Draw the mean error of predicted numbers by what is predicted."""
    curves = {name: evaluation.residuals(label, value) for name, value in values.items()}
    return plots.lines(
        {name: (curve.value, curve.residual) for name, curve in curves.items()},
        title=f"{title}: {told}",
        x="prediction",
        y="label less prediction",
        alt="Mean error by tenths of the predictions.",
        reference=0.0,
    )
