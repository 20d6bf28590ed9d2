"""Metrics registry: the name, title, direction, unit and function of every metric, which all that shows one reads here.

A new metric is one function here under `_metric`: leaderboards, what 03 and 04 record, TensorBoard, comparisons, sweeps
and pages have it from then on. A function scores many weightings of the rows at once, so that a bootstrap is a few
products: a weighting counts how often each row is drawn, all ones for the score itself.

A mean over classes is one over those that the weighted rows say something about: a class that is neither true nor
answered in any of them counts neither as perfect nor as missed, and is left out, as scikit-learn does. Of two classes
both are needed where a metric is about each of them; else it is NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import LoopbookError, suggest
from loopbook.statistics import query_ndcg, targets

Floats = NDArray[np.float64]
Value = TypeVar("Value", float, Floats)
Score = Callable[[Floats, Floats, float, Floats], Floats]
"""Takes label [n], answer, threshold and weightings [b, n], and returns one score a weighting [b].

The answer is the probability of yes [n] where there are two classes, those of all classes [n, k] where there are more
(labels are codes then), and of a number the predicted value [n] or quantiles of the levels 1/(q+1) to q/(q+1) [n, q].
"""
Shown = Literal["full", "value", "asked"]

BINS = 15
"""Bins of equal width for the calibration error."""
COVERED = 0.9
"""Share of numbers that the interval shown with a prediction should hold."""

MANY = ("multiclass", "ordinal")
"""Types of task whose answer is a probability a class, of several classes."""
TWO = ("binary", "anomaly", "ranking")
"""Types of task whose answer is a probability of yes."""
_CLASSES = (*TWO, *MANY)
_NUMBER = ("number",)

_TINY = 1e-15
_ENDS = 19  # quantiles of which the outermost are those of 5% and 95%


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

    def loss(self, value: Value) -> Value:
        """Return a number that is the smaller the better a value of the metric is; of several values one each."""
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
    """A metric of answers against labels, or one that a stage measures otherwise.

    Attributes
    ----------
    name
        What it is recorded under, mostly behind the name of a split: ``test_roc_auc``.
    title
        What people call it.
    function
        Computes it from labels and answers; None: a stage measures it otherwise.
    shown
        ``full``: leaderboards show it with its interval, and 04 records it; ``value``: leaderboards show it without;
        ``asked``: only where it is asked for by name.
    tasks
        Types of task that it is for.
    needs
        What it takes besides labels and answers: ``truth`` (known in a simulation), ``costs`` of the outcomes,
        ``resamples``, ``quantiles`` in place of a value alone, ``queries``: the query of each row, given by name.
    """

    name: str
    title: str
    direction: Direction
    unit: str = ""
    function: Score | None = None
    shown: Shown = "asked"
    tasks: tuple[str, ...] = (*_CLASSES, *_NUMBER)
    needs: tuple[Literal["truth", "costs", "resamples", "quantiles", "queries"], ...] = ()


METRICS: dict[str, Metric] = {}
"""Every metric by its name, in the order in which pages show them."""

PRIMARY = {
    **dict.fromkeys(TWO, "roc_auc"),
    "multiclass": "macro_f1",
    "ordinal": "kappa",
    "number": "r2",
}
"""By type of task the metric that candidates are ranked and chosen by."""


def primary(task: str = "binary") -> Metric:
    """Return the primary metric of a task: candidates are ranked by it, and the champion is chosen by it."""
    return METRICS[PRIMARY[task]]


def scores(task: str = "binary", shown: tuple[Shown, ...] = ("full", "value", "asked")) -> tuple[str, ...]:
    """Return the names of the metrics of a task that are computed from labels and answers."""
    return tuple(
        metric.name
        for metric in METRICS.values()
        if metric.function is not None and task in metric.tasks and metric.shown in shown
    )


def reported(task: str = "binary") -> tuple[str, ...]:
    """Return the names of the metrics that 04 records and pages report, the primary one first."""
    names = scores(task, ("full",))
    return tuple(sorted(names, key=lambda name: name != PRIMARY[task]))


def computed(name: str, queries: ArrayLike | None = None) -> Score:
    """Return the function of a metric; one that judges by query is NaN without `queries`, those of the rows, [n].

    Raises
    ------
    LoopbookError
        If no metric of that name is computed from labels and answers; the message has the likely one.
    """
    function = METRICS[name].function if name in METRICS else None
    if function is None:
        every = [metric.name for metric in METRICS.values() if metric.function is not None]
        raise LoopbookError(f"There is no metric {name!r}.{suggest(name, every)}")
    by_query: Any = function
    return partial(by_query, queries=queries) if "queries" in METRICS[name].needs else function


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
        [n], in the form of any type of task (`statistics.targets`).
    probability
        [n], or [n, k]; for metrics of the order alone any score. Of a number the prediction (`Score`).
    """
    y = targets.numbers(label)
    return float(computed(name)(y, targets.narrow(probability), threshold, np.ones((1, len(y))))[0])


def answers(p: Floats, threshold: float) -> NDArray[np.int64]:
    """Return the class that is answered, [n]: the most probable one, of two classes yes from the threshold on."""
    return (p >= threshold).astype(np.int64) if p.ndim == 1 else p.argmax(axis=1)


def top_label(y: Floats, p: Floats) -> tuple[Floats, Floats]:
    """Return whether the most probable class is right, and its probability, [n]; two classes stay as they are."""
    return (y, p) if p.ndim == 1 else ((p.argmax(axis=1) == y).astype(np.float64), p.max(axis=1))


def interval(quantiles: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the interval of 90%, each [n], from quantiles of the levels 1/(q+1) to q/(q+1), [n, q]."""
    low = round((quantiles.shape[1] + 1) * (1 - COVERED) / 2) - 1
    return quantiles[:, low], quantiles[:, -1 - low]


def _metric(
    title: str,
    direction: Direction,
    unit: str = "",
    shown: Shown = "full",
    tasks: tuple[str, ...] = TWO,
    needs: tuple[Literal["quantiles", "queries"], ...] = (),
) -> Callable[[Score], Score]:
    """Register a function under its own name."""

    def register(function: Score) -> Score:
        METRICS[function.__name__] = Metric(function.__name__, title, direction, unit, function, shown, tasks, needs)
        return function

    return register


def _sums(w: Floats, column: NDArray[np.int64], columns: int, value: Floats | None = None) -> Floats:
    """Return the weighted sum of a value (1) of the rows of each column, [b, columns]: row i is in column[i]."""
    from scipy.sparse import csr_array

    each = np.ones(len(column)) if value is None else value
    return np.asarray(w @ csr_array((each, column, np.arange(len(column) + 1)), shape=(len(column), columns)))


def _tallies(y: Floats, p: Floats, threshold: float, w: Floats) -> tuple[Floats, Floats, Floats]:
    """Return how many rows of each class are answered rightly, are answered as it, and are of it: each [b, k]."""
    true, said = y.astype(np.int64), answers(p, threshold)
    classes = 2 if p.ndim == 1 else p.shape[1]
    return _sums(w, true, classes, (true == said).astype(np.float64)), _sums(w, said, classes), _sums(w, true, classes)


def _macro(each: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return the mean over those classes of which something is known, [b]; of two classes both must be."""
    count = known.sum(axis=1).astype(np.float64)
    enough = count == 2 if each.shape[1] == 2 else count > 0
    total = np.where(known, each, 0).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full_like(total, np.nan), where=enough))


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


@_metric("accuracy", HIGHER, tasks=tuple(task for task in _CLASSES if task != "ranking"))  # hardly a row is taken
def accuracy(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Share of right answers."""
    return _ratio(w @ (answers(p, threshold) == y).astype(np.float64), w.sum(axis=1))


@_metric("balanced accuracy", HIGHER, shown="asked", tasks=_CLASSES)
def balanced_accuracy(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean of the shares of right answers within each class that occurs."""
    right, _, true = _tallies(y, p, threshold, w)
    return _macro(_ratio(right, true), true > 0)


@_metric("informedness", HIGHER, shown="asked", tasks=_CLASSES)
def informedness(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Balanced accuracy above chance (Youden 1950, for two classes); 0 for whoever answers by lot, 1 at best."""
    right, _, true = _tallies(y, p, threshold, w)
    classes = (true > 0).sum(axis=1)
    return _ratio(classes * _macro(_ratio(right, true), true > 0) - 1, classes - 1.0)


@_metric("precision", HIGHER, shown="asked")
def precision(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Of the rows called positive, the share that is; 0 where none is called positive."""
    right, said, _ = _tallies(y, p, threshold, w)
    return right[:, 1] / np.maximum(said[:, 1], _TINY)


@_metric("recall", HIGHER, shown="asked")
def recall(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Of the positive rows, the share that is called so."""
    right, _, true = _tallies(y, p, threshold, w)
    return _ratio(right, true)[:, 1]


@_metric("F1", HIGHER, shown="asked")
def f1(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Harmonic mean of precision and recall."""
    right, said, true = _tallies(y, p, threshold, w)
    return _ratio(2 * right, said + true)[:, 1]


@_metric("macro F1", HIGHER, tasks=MANY)
def macro_f1(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean of F1 over the classes that are true or answered in some row; 0 for one that is never answered rightly."""
    right, said, true = _tallies(y, p, threshold, w)
    return _macro(_ratio(2 * right, said + true), said + true > 0)


@_metric("weighted F1", HIGHER, shown="asked", tasks=MANY)
def weighted_f1(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean of F1 over the rows' true classes."""
    right, said, true = _tallies(y, p, threshold, w)
    return _ratio(np.nan_to_num(true * _ratio(2 * right, said + true)).sum(axis=1), true.sum(axis=1))


@_metric("Matthews correlation", HIGHER, tasks=("binary", "anomaly", *MANY))  # of a list no place is a yes or a no
def matthews(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Correlation of answer and label (Matthews 1975; Gorodkin 2004, R_K), at most 1; 0 where either never differs."""
    right, said, true = _tallies(y, p, threshold, w)
    rows = w.sum(axis=1)
    top = rows * right.sum(axis=1) - (said * true).sum(axis=1)
    spread = (rows**2 - (said**2).sum(axis=1)) * (rows**2 - (true**2).sum(axis=1))
    return np.asarray(top / np.sqrt(np.maximum(spread, _TINY)))


@_metric("quadratic weighted kappa", HIGHER, tasks=("ordinal",))
def kappa(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Agreement of answer and label by the squared distance of their ranks, above chance (Cohen 1968); at most 1."""
    said = p.argmax(axis=1).astype(np.float64)
    chance = w @ y**2 + w @ said**2 - 2 * (w @ y) * (w @ said) / np.maximum(w.sum(axis=1), _TINY)
    return 1 - _ratio(w @ (y - said) ** 2, chance)


@_metric("right among the 3 likeliest", HIGHER, shown="asked", tasks=MANY)
def top_3(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Share of rows whose class is among the three most probable ones; NaN where there are no more than three."""
    return _among(3, y, p, w)


@_metric("right among the 5 likeliest", HIGHER, shown="asked", tasks=MANY)
def top_5(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Share of rows whose class is among the five most probable ones; NaN where there are no more than five."""
    return _among(5, y, p, w)


@_metric("ROC AUC", HIGHER)
def roc_auc(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Chance that a positive row scores higher than a negative one, ties counted half."""
    tp, fp = above(y, p, w)
    before = np.pad(tp[:, :-1], ((0, 0), (1, 0)))
    area = (np.diff(fp, axis=1, prepend=0) * (tp + before) / 2).sum(axis=1)
    return _ratio(area, tp[:, -1] * fp[:, -1])


@_metric("NDCG@10 of a user's rows", HIGHER, tasks=("ranking",), needs=("queries",))
def ndcg(y: Floats, p: Floats, threshold: float, w: Floats, queries: ArrayLike | None = None) -> Floats:
    """Mean over queries of how good the order of their rows is; queries are drawn whole."""
    if queries is None:
        return np.full(len(w), np.nan)
    each, members = query_ndcg.ndcg(y, p, queries)
    drawn = _sums(w, members, len(each)) / np.bincount(members)
    known = ~np.isnan(each)
    return _ratio(drawn[:, known] @ each[known], drawn[:, known].sum(axis=1))


@_metric("ROC AUC, one against rest", HIGHER, shown="asked", tasks=MANY)
def ovr_auc(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean over the classes that occur of the chance that a row of it scores higher in it than one of another class."""
    from scipy.sparse import csr_array

    p, true, drawn = targets.by_class(p), y.astype(np.int64), np.ascontiguousarray(w.T)
    areas = np.full((p.shape[1], len(w)), np.nan)
    for one in np.unique(true):
        own, rest = np.flatnonzero(true == one), np.flatnonzero(true != one)
        # Rows of the other classes are counted by their place among the class's own scores: 2i + 1 is that of score i.
        steps = np.unique(p[own, one])
        place = np.searchsorted(steps, p[:, one], "left") + np.searchsorted(steps, p[:, one], "right")
        cells = csr_array((np.ones(len(rest)), (place[rest], rest)), shape=(2 * len(steps) + 1, len(true)))
        others = cells @ drawn
        beaten = (np.cumsum(others, axis=0) - others / 2)[place[own]] * drawn[own]
        areas[one] = _ratio(beaten.sum(axis=0), drawn[own].sum(axis=0) * others.sum(axis=0))
    known = np.isfinite(areas)
    return _ratio(np.where(known, areas, 0).sum(axis=0), known.sum(axis=0).astype(np.float64))


@_metric("PR AUC", HIGHER, shown="value")
def pr_auc(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Average precision: precision at each threshold, weighted by the recall gained there."""
    tp, fp = above(y, p, w)
    here = tp / np.maximum(tp + fp, _TINY)
    return _ratio((np.diff(tp, axis=1, prepend=0) * here).sum(axis=1), tp[:, -1])


@_metric("log loss", LOWER, unit="nats", shown="value", tasks=_CLASSES)
def log_loss(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean cross-entropy in nats."""
    if p.ndim == 1:
        q = np.clip(p, _TINY, 1 - _TINY)
        each = -(y * np.log(q) + (1 - y) * np.log1p(-q))
    else:
        each = -np.log(np.maximum(_of_label(y, p), _TINY))
    return _ratio(w @ each, w.sum(axis=1))


@_metric("Brier score", LOWER, shown="asked", tasks=_CLASSES)
def brier(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean squared distance of probability and label, over many classes their sum (Brier 1950: from 0 to 2)."""
    each = (p - y) ** 2 if p.ndim == 1 else (p**2).sum(axis=1) + 1 - 2 * _of_label(y, p)
    return _ratio(w @ each, w.sum(axis=1))


@_metric("calibration error", LOWER, shown="value", tasks=_CLASSES)
def ece(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Expected calibration error: the mean distance of probability and frequency over 15 bins (Naeini et al. 2015).

    Of many classes it is that of the most probable one (Guo et al. 2017).
    """
    y, p = top_label(y, p)
    gap = np.zeros((len(p), BINS))
    gap[np.arange(len(p)), _bins(p)] = p - y
    return _ratio(np.abs(w @ gap).sum(axis=1), w.sum(axis=1))


@_metric("calibration error by class", LOWER, shown="asked", tasks=MANY)
def classwise_ece(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean over all classes of the calibration error of each one's probability (Kull et al. 2019)."""
    from scipy.sparse import csr_array

    gap = targets.by_class(p).copy()
    (rows, classes), at = gap.shape, _bins(gap)
    gap[np.arange(rows), y.astype(np.int64)] -= 1
    used, at = np.unique(at + BINS * np.arange(classes), return_inverse=True)
    cells = csr_array((gap.ravel(), at.ravel(), np.arange(0, rows * classes + 1, classes)), shape=(rows, len(used)))
    return _ratio(np.abs(w @ cells).sum(axis=1) / classes, w.sum(axis=1))


@_metric("R²", HIGHER, tasks=_NUMBER)
def r2(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Share of the variance that is explained; 0 for the mean of these rows, below 0 for worse; NaN without variance.

    Of quantiles their mean is judged, as by the root mean squared error; by the mean absolute error, the median: each
    metric of a value asks for what minimises it (Gneiting 2011).
    """
    apart = y - y.mean()
    spread = w @ apart**2 - _ratio((w @ apart) ** 2, w.sum(axis=1))
    return 1 - _ratio(w @ (y - _mean(p)) ** 2, spread)


@_metric("mean absolute error", LOWER, tasks=_NUMBER)
def mae(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean absolute error, in the unit of the label."""
    return _ratio(w @ np.abs(y - (p if p.ndim == 1 else np.median(p, axis=1))), w.sum(axis=1))


@_metric("root mean squared error", LOWER, shown="value", tasks=_NUMBER)
def rmse(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Root of the mean squared error, in the unit of the label."""
    return np.sqrt(_ratio(w @ (y - _mean(p)) ** 2, w.sum(axis=1)))


@_metric("pinball loss", LOWER, shown="value", tasks=_NUMBER, needs=("quantiles",))
def pinball(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Mean pinball loss over the quantiles (Koenker & Bassett 1978), in the unit of the label; a value is a median.

    Twice this is about the continuous ranked probability score (Gneiting & Raftery 2007).
    """
    quantiles = p.reshape(len(y), -1)
    levels = np.arange(1, quantiles.shape[1] + 1) / (quantiles.shape[1] + 1)
    apart = y[:, None] - quantiles
    return _ratio(w @ np.maximum(levels * apart, (levels - 1) * apart).mean(axis=1), w.sum(axis=1))


@_metric("coverage", Direction("nearer", target=COVERED), shown="value", tasks=_NUMBER, needs=("quantiles",))
def coverage(y: Floats, p: Floats, threshold: float, w: Floats) -> Floats:
    """Share of numbers within the 90% interval, from the quantile of 5% to that of 95%; NaN if those are not given."""
    if p.ndim == 1 or p.shape[1] < _ENDS:
        return np.full(len(w), np.nan)
    low, high = interval(p)
    return _ratio(w @ ((low <= y) & (y <= high)).astype(np.float64), w.sum(axis=1))


def _of_label(y: Floats, p: Floats) -> Floats:
    """Return the probability of each row's true class, [n]."""
    return np.take_along_axis(p, y.astype(np.int64)[:, None], axis=1)[:, 0]


def _bins(p: Floats) -> NDArray[np.int64]:
    return np.minimum((p * BINS).astype(np.int64), BINS - 1)


def _mean(p: Floats) -> Floats:
    """Return the predicted mean, [n], from that or from quantiles."""
    return p if p.ndim == 1 else p.mean(axis=1)


def _among(most: int, y: Floats, p: Floats, w: Floats) -> Floats:
    """Return the share of rows whose class is among so many of the most probable ones, of equal ones the first."""
    if p.ndim == 1 or p.shape[1] <= most:
        return np.full(len(w), np.nan)
    own = _of_label(y, p)[:, None]
    before = (p > own) | ((p == own) & (np.arange(p.shape[1]) < y[:, None]))
    return _ratio(w @ (before.sum(axis=1) < most).astype(np.float64), w.sum(axis=1))


def above(y: Floats, p: Floats, w: Floats) -> tuple[Floats, Floats]:
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
    *(
        Metric(
            f"{name}_gain",
            f"{METRICS[name].title} {beyond} the best trivial baseline",
            HIGHER,
            tasks=METRICS[name].tasks,
            needs=("resamples",),
        )
        for name, beyond in (
            ("accuracy", "above"),
            ("roc_auc", "above"),
            ("macro_f1", "above"),
            ("kappa", "above"),
            ("mae", "below that of"),
            ("r2", "above"),
        )
    ),
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
