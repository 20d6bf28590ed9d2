"""Metrics registry: the name, title, direction, unit and function of every metric, which all that shows one reads here.

A new metric is one function here under `_metric`: leaderboards, what 03 and 04 record, TensorBoard, comparisons, sweeps
and pages have it from then on. A function scores many weightings of the rows at once, so that a bootstrap is a few
products: a weighting counts how often each row is drawn, all ones for the score itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import LoopbookError, suggest

Floats = NDArray[np.float64]
Score = Callable[[Floats, Floats, float, Floats], Floats]
"""Takes label [n], probability [n], threshold and weightings [b, n], and returns one score a weighting [b]."""
Shown = Literal["full", "value", "asked"]

BINS = 15
"""Bins of equal width for the calibration error."""

_TINY = 1e-15


@dataclass(frozen=True)
class Direction:
    """Which way a metric is better, and who says so.

    Attributes
    ----------
    better
        More is (``higher``), less is (``lower``), or what is ``nearer`` to `target`.
    by
        Who says so: the metric's definition, or the acceptance criterion about it.
    """

    better: Literal["higher", "lower", "nearer"]
    by: str = "its definition"
    target: float = 0.0

    def loss(self, value: float) -> float:
        """Return a number that is the smaller the better a value of the metric is."""
        return {"higher": -value, "lower": value, "nearer": abs(value - self.target)}[self.better]

    def gain(self, a: float, b: float) -> float:
        """Return by how much B is better than A; negative: worse."""
        return self.loss(a) - self.loss(b)

    @property
    def text(self) -> str:
        """What is better, in words."""
        return {"higher": "more", "lower": "less", "nearer": f"nearer to {self.target:g}"}[self.better]


HIGHER, LOWER = Direction("higher"), Direction("lower")


@dataclass(frozen=True)
class Metric:
    """A metric of probabilities against labels, or one that a stage measures otherwise.

    Attributes
    ----------
    name
        What it is recorded under, mostly behind the name of a split: ``test_roc_auc``.
    title
        What people call it.
    function
        Computes it from labels and probabilities; None: a stage measures it otherwise.
    shown
        ``full``: leaderboards show it with its interval, and 04 records it; ``value``: leaderboards show it without;
        ``asked``: only where it is asked for by name.
    tasks
        Types of task that it is for.
    needs
        What it takes besides labels and probabilities: ``truth`` (known in a simulation), ``costs`` of the outcomes,
        ``resamples``.
    """

    name: str
    title: str
    direction: Direction
    unit: str = ""
    function: Score | None = None
    shown: Shown = "asked"
    tasks: tuple[str, ...] = ("binary",)
    needs: tuple[Literal["truth", "costs", "resamples"], ...] = ()


METRICS: dict[str, Metric] = {}
"""Every metric by its name, in the order in which pages show them."""

PRIMARY = {"binary": "roc_auc"}
"""By type of task the metric that candidates are ranked and chosen by."""


def primary(task: str = "binary") -> Metric:
    """Return the primary metric of a task: candidates are ranked by it, and the champion is chosen by it."""
    return METRICS[PRIMARY[task]]


def scores(task: str = "binary", shown: tuple[Shown, ...] = ("full", "value", "asked")) -> tuple[str, ...]:
    """Return the names of the metrics of a task that are computed from labels and probabilities."""
    return tuple(
        metric.name
        for metric in METRICS.values()
        if metric.function is not None and task in metric.tasks and metric.shown in shown
    )


def reported(task: str = "binary") -> tuple[str, ...]:
    """Return the names of the metrics that 04 records and pages report, the primary one first."""
    names = scores(task, ("full",))
    return tuple(sorted(names, key=lambda name: name != PRIMARY[task]))


def computed(name: str) -> Score:
    """Return the function of a metric.

    Raises
    ------
    LoopbookError
        If no metric of that name is computed from labels and probabilities; the message has the likely one.
    """
    function = METRICS[name].function if name in METRICS else None
    if function is None:
        raise LoopbookError(f"There is no metric {name!r}.{suggest(name, scores())}")
    return function


def recorded_as(name: str) -> Metric | None:
    """Return the metric behind a recorded name, which ends with the metric's: of ``cv_roc_auc_low`` it is ROC AUC."""
    name = name.removesuffix("_low").removesuffix("_high")
    found = [metric for metric in METRICS.values() if f"_{name}".endswith(f"_{metric.name}")]
    return max(found, key=lambda metric: len(metric.name), default=None)


def score(name: str, label: ArrayLike, probability: ArrayLike, threshold: float = 0.5) -> float:
    """Return one metric without an interval; NaN where a class is missing.

    Parameters
    ----------
    label
        0 or 1, [n].
    probability
        [n]; for metrics of the order alone any score.
    """
    y = np.asarray(label, dtype=np.float64)
    return float(computed(name)(y, np.asarray(probability, dtype=np.float64), threshold, np.ones((1, len(y))))[0])


def _metric(title: str, direction: Direction, unit: str = "", shown: Shown = "full") -> Callable[[Score], Score]:
    """Register a function under its own name."""

    def register(function: Score) -> Score:
        METRICS[function.__name__] = Metric(function.__name__, title, direction, unit, function, shown)
        return function

    return register


def _counts(y: Floats, p: Floats, threshold: float, w: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    says = p >= threshold
    yes = y > 0.5
    return tuple(w @ part.astype(np.float64) for part in (yes & says, ~yes & says, ~yes & ~says, yes & ~says))  # type: ignore[return-value]


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


@_metric("accuracy", HIGHER)
def accuracy(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Share of right answers."""
    tp, fp, tn, fn = _counts(y, p, threshold, w)
    return _ratio(tp + tn, tp + fp + tn + fn)


@_metric("balanced accuracy", HIGHER, shown="asked")
def balanced_accuracy(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean of the shares of right answers within each class."""
    tp, fp, tn, fn = _counts(y, p, threshold, w)
    return (_ratio(tp, tp + fn) + _ratio(tn, tn + fp)) / 2


@_metric("informedness", HIGHER, shown="asked")
def informedness(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Share of positive rows called so less that of negative rows (Youden 1950); 0 for whoever answers by lot."""
    tp, fp, tn, fn = _counts(y, p, threshold, w)
    return _ratio(tp, tp + fn) - _ratio(fp, tn + fp)


@_metric("precision", HIGHER, shown="asked")
def precision(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Of the rows called positive, the share that is; 0 where none is called positive."""
    tp, fp, _, _ = _counts(y, p, threshold, w)
    return np.asarray(tp / np.maximum(tp + fp, _TINY))


@_metric("recall", HIGHER, shown="asked")
def recall(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Of the positive rows, the share that is called so."""
    tp, _, _, fn = _counts(y, p, threshold, w)
    return _ratio(tp, tp + fn)


@_metric("F1", HIGHER, shown="asked")
def f1(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Harmonic mean of precision and recall."""
    tp, fp, _, fn = _counts(y, p, threshold, w)
    return _ratio(2 * tp, 2 * tp + fp + fn)


@_metric("Matthews correlation", HIGHER)
def matthews(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Correlation of answer and label (Matthews 1975), in [-1, 1]; 0 where all answers or all labels are the same."""
    tp, fp, tn, fn = _counts(y, p, threshold, w)
    return np.asarray((tp * tn - fp * fn) / np.sqrt(np.maximum((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn), _TINY)))


@_metric("ROC AUC", HIGHER)
def roc_auc(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Chance that a positive row scores higher than a negative one, ties counted half."""
    tp, fp = _above(y, p, w)
    before = np.pad(tp[:, :-1], ((0, 0), (1, 0)))
    area = (np.diff(fp, axis=1, prepend=0) * (tp + before) / 2).sum(axis=1)
    return _ratio(area, tp[:, -1] * fp[:, -1])


@_metric("PR AUC", HIGHER, shown="value")
def pr_auc(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Average precision: precision at each threshold, weighted by the recall gained there."""
    tp, fp = _above(y, p, w)
    here = tp / np.maximum(tp + fp, _TINY)
    return _ratio((np.diff(tp, axis=1, prepend=0) * here).sum(axis=1), tp[:, -1])


@_metric("log loss", LOWER, unit="nats", shown="value")
def log_loss(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean cross-entropy in nats."""
    q = np.clip(p, _TINY, 1 - _TINY)
    return _ratio(w @ -(y * np.log(q) + (1 - y) * np.log1p(-q)), w.sum(axis=1))


@_metric("Brier score", LOWER, shown="asked")
def brier(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean squared distance of probability and label (Brier 1950)."""
    return _ratio(w @ (p - y) ** 2, w.sum(axis=1))


@_metric("calibration error", LOWER, shown="value")
def ece(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Expected calibration error: the mean distance of probability and frequency over 15 bins (Naeini et al. 2015)."""
    at = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    gap = np.zeros((len(p), BINS))
    gap[np.arange(len(p)), at] = p - y
    return _ratio(np.abs(w @ gap).sum(axis=1), w.sum(axis=1))


def _above(y: Floats, p: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Return weights of positives and negatives at or above each distinct score, highest first, [b, distinct]."""
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))
    drawn = w[:, order]
    positive = np.cumsum(drawn * y[order], axis=1)[:, ends]
    return positive, np.cumsum(drawn, axis=1)[:, ends] - positive


for _measured in (
    Metric("loss", "loss", LOWER),
    Metric("error", "error", LOWER),
    Metric("score", "score", HIGHER),
    Metric("gain", "gain", HIGHER, needs=("resamples",)),
    Metric("accuracy_gain", "accuracy above the best trivial baseline", HIGHER, needs=("resamples",)),
    Metric("roc_auc_gain", "ROC AUC above the best trivial baseline", HIGHER, needs=("resamples",)),
    Metric("cost", "cost", LOWER, needs=("costs",)),
    Metric("cost_per_decision", "cost per decision", LOWER, needs=("costs",)),
    Metric("saving", "saving", HIGHER, needs=("costs",)),
    Metric("saving_per_decision", "saving per decision", HIGHER, needs=("costs",)),
    Metric("false_alarms", "false alarms", LOWER, needs=("truth",)),
    Metric("seconds", "seconds", LOWER, "seconds"),
    Metric("latency_ms", "latency (ms)", LOWER, "milliseconds"),
    Metric("size_bytes", "size (bytes)", LOWER, "bytes"),
):
    METRICS[_measured.name] = _measured
