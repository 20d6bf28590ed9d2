"""Outer folds of an ablation: a method is fitted on each, its step size chosen on the inner fold, judged outside."""

import tempfile
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.features import Features
from loopbook.models.architectures import registry
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.recipe import Recipe
from loopbook.statistics import folds, metrics, targets
from loopbook.statistics.folds import Fold

FACTORS = (1.0, 3.0, 1 / 3, 10.0, 0.1)
"""By what the trials multiply the step size, or a plain baseline's inverse strength of the penalty."""
INNER = 0.1
"""Share of an outer fold's groups that are the inner fold: it ends the training, and chooses among the trials."""


class OutOfLimit(LoopbookError):
    """A fit takes longer than is left."""


@dataclass(frozen=True)
class Rows:
    """The rows of a scenario, in canonical form, and the outer folds that they are dealt to.

    Attributes
    ----------
    labels
        Of each class so many rows are learned from, and as many choose; 0: all.
    metric
        By which it is judged; empty: the primary metric of the task.
    """

    scenario: Scenario
    frame: pd.DataFrame
    folds: tuple[Fold, ...]
    labels: int = 0
    metric: str = ""

    @classmethod
    def dealt(
        cls, scenario: Scenario, frame: pd.DataFrame, count: int, seeds: range, labels: int = 0, first: bool = False
    ) -> "Rows":
        """Return rows with `count` folds a seed, by group, or the `first` of them alone."""
        every = (
            replace(fold, repeat=seed)
            for seed in seeds
            for fold in folds.stratified(frame["label"], frame["group"], count, 1, INNER, 1_000 * seed)
        )
        return cls(scenario, frame, tuple(fold for fold in every if not first or fold.fold == 0), labels)

    def parts(self, fold: Fold) -> tuple[TrainingData, pd.DataFrame]:
        """Return what a fold learns from, and the rows outside."""
        train, validation, held = (
            self.frame.iloc[at].reset_index(drop=True) for at in (fold.train, fold.validation, fold.held)
        )
        if self.labels:
            train, validation = (_few(part, self.labels, fold.repeat) for part in (train, validation))
        return TrainingData(train, validation, Features.fit(train, self.scenario), self.scenario.task), held


class Fit(NamedTuple):
    """One fit of an ablation, as plain values: a method (JSON) on a fold, with one of the trials' step sizes."""

    rows: str
    fold: int
    trial: int
    candidate: str
    recipe: str


class Measured(NamedTuple):
    """What one fit gave.

    Attributes
    ----------
    score
        The metric outside.
    risk
        The loss on the inner fold, by which a trial is chosen.
    began, ended
        Loss on train in the first and in the last epoch.
    seconds
        Of processor time.
    moved
        Mean distance of its answers from those of the baseline.
    turned
        Distance of its trained weights from the baseline's, by the length of these; None: they have other shapes.
    """

    score: float
    risk: float
    began: float
    ended: float
    epochs: int
    seconds: float
    moved: float
    turned: float | None


def method(fit: Fit) -> Method:
    """Return the method of a fit, with the step size of its trial."""
    candidate, recipe = Candidate.model_validate_json(fit.candidate), Recipe.model_validate_json(fit.recipe)
    factor, kind = FACTORS[fit.trial], registry.described(candidate.architecture)
    if kind.family == "plain":
        strength = {name: tuned(candidate, name) * factor for name in ("C",) if name in kind.settings and fit.trial}
        return Method(candidate.model_copy(update={"settings": {**candidate.settings, **strength}}), recipe)
    return Method(candidate, recipe.model_copy(update={"learning_rate": min(1.0, recipe.learning_rate * factor)}))


def tuned(candidate: Candidate, name: str) -> Any:
    """Return the value of an architecture's setting: the candidate's own, or the default."""
    return candidate.settings.get(name, registry.described(candidate.architecture).defaults.get(name))


def measure(
    rows: Rows, fit: Fit, cache: Path, allowed: float, baseline: Path | None = None, keep: Path | None = None
) -> Measured:
    """Fit a method on an outer fold and judge it outside.

    Parameters
    ----------
    allowed
        Seconds of processor time.
    baseline
        What the baseline's fit kept, to say how far this one is from it.
    keep
        File for answers and weights.

    Raises
    ------
    OutOfLimit
        If it takes longer than allowed.
    LoopbookError
        If the method does not suit the task, or its loss is no longer a number.
    """
    data, held = _parts(rows, fit.fold)
    began = time.process_time()

    def progress(text: str) -> None:
        if time.process_time() - began > allowed:
            raise OutOfLimit(f"A fit takes more than the {allowed:,.0f} s that are left for it.")

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        fitting.fit(method(fit), data, work, progress, cache)
        model, history = Model.load(work / fitting.MODEL), pd.read_csv(work / fitting.HISTORY)
    weights = model.predictor.model.get_weights() if isinstance(model.predictor, Network) else []
    answer = model.answer(held, cache).aligned(targets.classes(held["label"], rows.scenario.task)).judged
    if keep is not None:
        keep.parent.mkdir(parents=True, exist_ok=True)
        np.savez(keep, answer=answer, **{f"weight_{at}": weight for at, weight in enumerate(weights)})
    moved, turned = _apart(answer, weights, baseline) if baseline is not None else (0.0, None)
    metric = rows.metric or metrics.primary(rows.scenario.task.type).name
    return Measured(
        metrics.score(metric, targets.numbers(held["label"]), targets.narrow(answer)),
        float(history["val_loss"].min()),
        float(history["loss"].iloc[0]),
        float(history["loss"].iloc[-1]),
        len(history),
        time.process_time() - began,
        moved,
        turned,
    )


_held: dict[int, Rows] = {}


@lru_cache(maxsize=32)
def _cut(identity: int, fold: int) -> tuple[TrainingData, pd.DataFrame]:
    return _held[identity].parts(_held[identity].folds[fold])


def _parts(rows: Rows, fold: int) -> tuple[TrainingData, pd.DataFrame]:
    """Return the parts of a fold; the features of many fits are fitted once."""
    _held[id(rows)] = rows
    return _cut(id(rows), fold)


def _few(frame: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Return at most so many rows of each class."""
    order = frame.sample(frac=1, random_state=seed)
    return order.groupby("label", observed=True).head(count).reset_index(drop=True)


def _apart(answer: NDArray[Any], weights: list[NDArray[Any]], baseline: Path) -> tuple[float, float | None]:
    with np.load(baseline, allow_pickle=False) as other:
        moved = float(np.abs(answer - other["answer"]).mean())
        theirs = [other[f"weight_{at}"] for at in range(len(other.files) - 1)]
    if not weights or [weight.shape for weight in weights] != [weight.shape for weight in theirs]:
        return moved, None
    squares = sum(float(((one - two).astype(np.float64) ** 2).sum()) for one, two in zip(weights, theirs, strict=True))
    length = sum(float((weight.astype(np.float64) ** 2).sum()) for weight in theirs)
    return moved, (squares / length) ** 0.5
