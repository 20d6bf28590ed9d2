"""Figures and tables of notebook 04: what the champion is worth on test, by the type of the task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.figures.sentence import Sentence
from loopbook.models import training_page
from loopbook.models.answers import Answers
from loopbook.models.choice import model_selection
from loopbook.models.predictions import Floats
from loopbook.scenario.task import Number, Task
from loopbook.statistics import bands, evaluation, metrics, targets
from loopbook.statistics.intervals import Interval

_SHOWN = 10


@dataclass(frozen=True, eq=False)
class Tested:
    """What all candidates say of test.

    Attributes
    ----------
    answers
        By name, as `model_selection.on_test` returns them.
    """

    rows: pd.DataFrame
    task: Task
    answers: Mapping[str, Answers]

    @cached_property
    def judged(self) -> dict[str, Floats]:
        """The same as metrics judge them, classes in the order of the labels; 0 for one that a model does not know."""
        return {name: said.aligned(self.classes).judged for name, said in self.answers.items()}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels' codes."""
        return targets.classes(self.rows["label"], self.task)

    @property
    def codes(self) -> Floats:
        """Class codes of the labels, [n]."""
        return targets.codes(self.rows["label"], self.task).astype(np.float64)

    def by_class(self, name: str) -> Floats:
        """Return a candidate's probabilities, float64 [n, k]: of a number, those of its bands."""
        return self.answers[name].probability if isinstance(self.task, Number) else self.judged[name]

    def further(self, name: str, resamples: int, baseline: str = "") -> dict[str, float]:
        """Return the metrics of a candidate's further outputs as flat numbers: ``test_``, the output, the metric.

        ``…_macro_f1_gain`` is by how much its macro F1 is above that of `baseline`, paired on the same rows.
        """
        said = {output: self._aligned(name, output) for output in self.answers[name].also}
        tables = training_page.further(self.rows, said, resamples)
        flat = [evaluation.flat(table, f"test_{output}_", (), "multiclass") for output, table in tables.items()]
        found = {metric: value for each in flat for metric, value in each.items()}
        for output, gain in self.gains(name, baseline, resamples).items():
            found |= gain.recorded(f"test_{output}_macro_f1_gain")
        return found

    def gains(self, name: str, baseline: str, resamples: int) -> dict[str, Interval]:
        """Return by how much the macro F1 of each further output is above that of a baseline which has it too."""
        found = {}
        if name != baseline and baseline in self.answers:
            for output in self.answers[name].also.keys() & self.answers[baseline].also.keys():
                known = self.rows[f"label_{output}"].notna().to_numpy()
                label, groups = self.rows[f"label_{output}"][known], self.rows["group"][known]
                own, other = (self._aligned(who, output)[known] for who in (name, baseline))
                if len(label):
                    found[output] = evaluation.paired(label, own, other, "macro_f1", groups, resamples)
        return dict(sorted(found.items()))

    def _aligned(self, name: str, output: str) -> Floats:
        """Return what a candidate says of a further output, classes in the order of its labels."""
        known, p = self.answers[name].also[output]
        return targets.aligned(p, known, targets.classes(self.rows[f"label_{output}"], self.task))


def curves(tested: Tested, champion: str, baseline: str) -> Figure:
    """Draw champion and baseline: ROC of two classes, F1 of the hardest of several, mean errors of a number."""
    names = list(dict.fromkeys((champion, baseline)))
    primary = metrics.primary(tested.task.type)
    reached = metrics.score(primary.name, tested.rows["label"], tested.judged[champion])
    title = f"On test, {champion} reaches a {primary.title} of {reached:.3f}"
    if isinstance(tested.task, Number):
        values = {name: np.median(tested.judged[name], axis=1) for name in names}
        return training_page.off(f"On test, {champion}", tested.rows["label"], values, f"{primary.title} {reached:.3f}")
    if len(tested.classes) > 2:
        reports = {
            name: evaluation.report(tested.codes, tested.by_class(name), names=tested.classes)["f1"].iloc[:-1]
            for name in names
        }
        every = pd.DataFrame(reports).dropna().sort_values(champion, kind="stable")
        hardest = every.head(_SHOWN)
        return plots.bars(
            hardest,
            title=title,
            x=f"F1 of the {_SHOWN} hardest classes" if len(hardest) < len(every) else "F1",
            y="class",
            alt="F1 by class of the champion and of the better plain baseline on test.",
            horizontal=True,
        )
    found = {name: evaluation.roc(tested.codes, tested.judged[name]) for name in names}
    return plots.lines(
        {name: (curve.false_positive_rate, curve.true_positive_rate) for name, curve in found.items()},
        title=title,
        x="false positive rate",
        y="true positive rate",
        alt="ROC curves of the champion and of the better plain baseline on test.",
        diagonal=True,
    )


def report(tested: Tested, champion: str, segments: Sequence[str]) -> pd.DataFrame:
    """Return what the champion reaches by class; of a number by tenths of the predictions and by segment."""
    if isinstance(tested.task, Number):
        label, said = tested.rows["label"], tested.judged[champion]
        parts = {"prediction": evaluation.residuals(label, said)}
        for column in segments:
            names = tested.rows[column].astype(str)
            parts[column] = evaluation.residuals(label, said, bands.groups(names, names))
        told = ["by", "part", "rows", "value", "residual", "absolute", "covered", "covered_low", "covered_high"]
        return pd.concat(parts, names=["by", "part"]).reset_index()[told]
    return training_page.report(tested.codes, tested.by_class(champion), tested.classes)


def mistakes(tested: Tested, champion: str, count: int = 5) -> pd.DataFrame:
    """Return the rows on which a model was surest and wrong; none, if it was right on all.

    Returns
    -------
    DataFrame
        The rows with the label's name, the `answer` and its `probability`; of a number, those that lie furthest out in
        what was predicted for them, with the predicted `answer` and the probability of a number as far out.
    """
    judged = tested.judged[champion]
    if isinstance(tested.task, Number):
        label, middle = tested.rows["label"].to_numpy(), np.median(judged, axis=1)
        level = (judged <= label[:, None]).mean(axis=1)
        far = np.abs(label - middle) / np.maximum(judged[:, -1] - judged[:, 0], 1e-12)
        order = np.argsort(-far, kind="stable")
        out = order[np.minimum(level, 1 - level)[order] < 0.05][:count]
        rows = pd.DataFrame(tested.rows.iloc[out])
        return rows.assign(answer=middle[out], probability=np.minimum(level, 1 - level)[out])
    said = targets.by_class(judged)
    names, answer, codes = np.array(tested.classes, dtype=object), said.argmax(axis=1), tested.codes.astype(np.int64)
    own = np.take_along_axis(said, codes[:, None], axis=1)[:, 0]
    order = np.argsort(own, kind="stable")
    out = order[(answer != codes)[order]][:count]
    rows = pd.DataFrame(tested.rows.iloc[out])
    return rows.assign(label=names[codes[out]], answer=names[answer[out]], probability=said.max(axis=1)[out])


def chance(task: Task) -> dict[str, Any]:
    """Return the line of chance for a figure of the primary metric; none where it has no one value."""
    lines = {"roc_auc": (0.5, "chance"), "r2": (0.0, "the mean")}
    reference = lines.get(metrics.primary(task.type).name)
    return dict(zip(("reference", "reference_name"), reference, strict=True)) if reference else {}


def ranked(board: pd.DataFrame, champion: str, task: Task) -> Figure:
    """Draw the primary metric of each candidate on validation with its interval."""
    primary = metrics.primary(task.type)
    return plots.intervals(
        model_selection.intervals(board, task.type),
        title=f"On validation, {champion} ranks best",
        x=f"{primary.title} on validation, with 95% interval",
        alt=f"{primary.title} of each candidate on validation with its interval.",
        **chance(task),
    )


def beside(others: pd.DataFrame, baseline: str, tested: Tested, champion: str, resamples: int) -> Figure | Sentence:
    """Draw by how much each candidate is better on test than the plain baseline, or say that there is no other.

    Of the champion's further outputs it is the macro F1.

    Parameters
    ----------
    others
        By candidate ``value, low, high`` of the paired difference in the primary metric.
    """
    primary = metrics.primary(tested.task.type)
    if not len(others):
        return Sentence("There is one candidate only, so there is nothing to compare.")
    best = str(others.value.idxmax())
    gains = tested.gains(champion, baseline, resamples)
    further = pd.DataFrame(list(gains.values()), index=[f"{champion}: {name}" for name in gains])
    also = ", of further outputs macro F1," if gains else ""
    return plots.intervals(
        pd.concat([others, further.reindex(columns=["value", "low", "high"])]),
        title=f"On test, {best} does best beside {baseline}: {others.value.max():+.3f}",
        x=f"{primary.title}{also} on test less that of {baseline}, with 95% interval",
        alt=f"Paired difference in {primary.title} of each candidate against {baseline}{also.rstrip(',')}.",
        reference=0.0,
    )
