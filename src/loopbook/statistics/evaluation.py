"""Evaluation: scores with bootstrap intervals, paired comparisons, curves, confusions, residuals, reports by class."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError
from loopbook.statistics import bootstrap, targets
from loopbook.statistics.confusions import MOST, worst
from loopbook.statistics.intervals import Interval, wilson
from loopbook.statistics.metrics import (
    BINS,
    METRICS,
    TWO,
    above,
    answers,
    computed,
    interval,
    reported,
    scores,
    top_label,
)

Floats = NDArray[np.float64]


def metrics(
    label: ArrayLike,
    probability: ArrayLike,
    threshold: float = 0.5,
    groups: ArrayLike | None = None,
    resamples: int = 1_000,
    seed: int = 0,
    only: Sequence[str] | None = None,
    task: str = "binary",
) -> pd.DataFrame:
    """Return scores with 95% intervals.

    Parameters
    ----------
    label
        [n], in the form of the task's type: 0 or 1; class codes or a categorical; numbers.
    probability
        The answers: probabilities of yes, [n], or of all classes, [n, k], whose columns are in the order of the codes;
        of a number the predicted values, [n], or quantiles, [n, q] (`metrics.Score`).
    threshold
        Of two classes: from this probability a row is called positive.
    groups
        Rows of one group (an article, an author) are drawn together, because they are alike; [n]. Of a ranking, whose
        groups are users, they are the queries.
    resamples
        Draws behind each interval.
    only
        Names of metrics; None: all that are registered for the task, but of a number's values alone no metric that
        needs quantiles.
    task
        Type of the task.

    Returns
    -------
    DataFrame
        Index ``metric``; columns ``value``, ``low``, ``high``. NaN where a class is missing. Resamples repeat rows,
        which alone makes a calibration error larger: its interval may lie above the value.

    Raises
    ------
    DataError
        If there are no rows, labels that are none of the classes, or probabilities outside [0, 1].

    References
    ----------
    Efron & Tibshirani (1993), An introduction to the bootstrap: percentile intervals; for groups, the cluster bootstrap
    of Davison & Hinkley (1997).
    """
    y, p = _checked(label, probability, task)
    alone = task == "number" and p.ndim == 1
    names = list(only or (name for name in scores(task) if not (alone and "quantiles" in METRICS[name].needs)))
    functions = [computed(name, groups) for name in names]
    own, drawn = _drawn(
        lambda w: np.stack([function(y, p, threshold, w) for function in functions]), len(y), groups, resamples, seed
    )
    count = bootstrap.units(len(y), groups)
    found = [bootstrap.percentile(value, draws, count) for value, draws in zip(own, drawn, strict=True)]
    return pd.DataFrame(found, columns=["value", "low", "high"], index=pd.Index(names, name="metric"))


def flat(table: pd.DataFrame, prefix: str, also: Sequence[str] = (), task: str = "binary") -> dict[str, float]:
    """Return the reported metrics of a table of `metrics`, and others by name, with their ends as flat numbers."""
    chosen = table.loc[[*reported(task), *also]].rename_axis("metric")
    ends = {"value": "", "low": "_low", "high": "_high"}
    return {f"{prefix}{name}{end}": row[column] for column, end in ends.items() for name, row in chosen.iterrows()}


def paired(
    label: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    metric: str = "roc_auc",
    groups: ArrayLike | None = None,
    resamples: int = 1_000,
    seed: int = 0,
) -> Interval:
    """Return by how much `a` is better than `b` on the same rows, above 0 also where less is better; 95% interval.

    Both are scored on the same resamples, so what is hard for both cancels out. Labels and answers are as in `metrics`,
    in the form of any type of task that the metric is for.
    """
    function = computed(metric, groups)
    task, loss = METRICS[metric].tasks[-1], METRICS[metric].direction.loss
    y, first = _checked(label, a, task)
    _, second = _checked(label, b, task)
    own, drawn = _drawn(
        lambda w: (loss(function(y, second, 0.5, w)) - loss(function(y, first, 0.5, w)))[None],
        len(y),
        groups,
        resamples,
        seed,
    )
    return bootstrap.percentile(own[0], drawn[0], bootstrap.units(len(y), groups))


def roc(label: ArrayLike, probability: ArrayLike) -> pd.DataFrame:
    """Return the ROC curve: ``threshold``, ``false_positive_rate``, ``true_positive_rate``, from (0, 0) to (1, 1)."""
    thresholds, tp, fp = _steps(*_checked(label, probability))
    return pd.DataFrame(
        {
            "threshold": np.append(np.inf, thresholds),
            "false_positive_rate": np.append(0.0, fp / max(fp[-1], 1)),
            "true_positive_rate": np.append(0.0, tp / max(tp[-1], 1)),
        }
    )


def pr(label: ArrayLike, probability: ArrayLike) -> pd.DataFrame:
    """Return the precision-recall curve: ``threshold``, ``recall``, ``precision``, from the highest threshold down."""
    thresholds, tp, fp = _steps(*_checked(label, probability))
    return pd.DataFrame({"threshold": thresholds, "recall": tp / max(tp[-1], 1), "precision": tp / (tp + fp)})


def calibration(label: ArrayLike, probability: ArrayLike, bins: int = BINS) -> pd.DataFrame:
    """Return the calibration curve over bins of equal width: ``probability`` (mean), ``frequency``, ``rows``.

    Of many classes it is that of the most probable one: how often an answer is right that is so sure.
    """
    y, p = top_label(*_checked(label, probability, "multiclass"))
    frame = pd.DataFrame({"bin": np.minimum((p * bins).astype(np.int64), bins - 1), "y": y, "p": p})
    table = frame.groupby("bin").agg(probability=("p", "mean"), frequency=("y", "mean"), rows=("y", "size"))
    return table.reset_index(drop=True)


def residuals(label: ArrayLike, answer: ArrayLike, by: ArrayLike | None = None, bins: int = 10) -> pd.DataFrame:
    """Return how far predicted numbers are off, and how many lie in their interval, part by part.

    Parameters
    ----------
    label
        True numbers, [n].
    answer
        Predicted ones, [n], or quantiles, [n, q], whose median is taken for one.
    by
        The part of each row, such as its segment, [n]; None: parts of equally many predictions, lowest first.
    bins
        So many parts; fewer where predictions are equal, or a part would have fewer than ten.

    Returns
    -------
    DataFrame
        Index ``part``; columns ``value`` (mean prediction), ``residual`` (mean of label less prediction: above 0, too
        low), ``absolute`` (its mean size), ``rows``; of quantiles ``low`` and ``high``, how far the ends of the 90%
        interval lie from the prediction in the mean, ``covered``, the share of labels in it, and ``covered_low`` and
        ``covered_high``, Wilson's interval of that share.
    """
    y, p = _checked(label, answer, "number")
    value = p if p.ndim == 1 else np.median(p, axis=1)
    columns = {"value": value, "residual": y - value, "absolute": np.abs(y - value)}
    if p.ndim == 2:
        low, high = interval(p)
        columns |= {"low": low - value, "high": high - value, "covered": (low <= y) & (y <= high)}
    if by is None:
        bins = max(1, min(bins, len(value) // 10))
        edges = np.unique(np.quantile(value, np.arange(1, bins) / bins))
        place = np.searchsorted(edges, value, side="right")
        parts = [value[place == part] for part in np.unique(place)]
        names = [f"{part.min():.3g} to {part.max():.3g}" for part in parts]
        members = np.unique(place, return_inverse=True)[1]
    else:
        members, found = pd.factorize(np.asarray(by).astype(str), sort=True)
        names = found.tolist()
    groups = pd.DataFrame(columns).groupby(members)
    table = groups.mean().set_axis(pd.Index(names, name="part")).assign(rows=groups.size().to_numpy())
    if p.ndim == 2:
        limits = [wilson(share, rows)[1:] for share, rows in zip(table["covered"], table["rows"], strict=True)]
        table["covered_low"], table["covered_high"] = zip(*limits, strict=True)
    return table


def confusion(
    label: ArrayLike, probability: ArrayLike, threshold: float = 0.5, names: Sequence[str] = ("no", "yes")
) -> pd.DataFrame:
    """Return counts of rows: what is true down the side, what the model says across; `names` are those of the codes."""
    y, p = _checked(label, probability, "multiclass")
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (y.astype(np.int64), answers(p, threshold)), 1)
    return pd.DataFrame(counts, index=pd.Index(names, name="is"), columns=pd.Index(names, name="model says"))


def confusions(
    label: ArrayLike,
    probability: ArrayLike,
    threshold: float = 0.5,
    names: Sequence[str] = ("no", "yes"),
    most: int = MOST,
) -> pd.DataFrame:
    """Return which classes are taken for which, the pairs of most rows first, so that it can be read at 200 classes.

    Returns
    -------
    DataFrame
        Columns ``is``, ``model says``, ``rows``, and ``share`` of the rows of the true class; at most `most` pairs.
    """
    return worst(confusion(label, probability, threshold, names), most)


def report(
    label: ArrayLike,
    probability: ArrayLike,
    threshold: float = 0.5,
    names: Sequence[str] = ("no", "yes"),
    by: Literal["f1", "rows"] | None = None,
    most: int | None = None,
) -> pd.DataFrame:
    """Return the classification report: precision, recall, F1 and rows of each class, and their plain mean.

    Parameters
    ----------
    by
        The worst (``f1``) or the rarest (``rows``) classes first; None: in the order of their codes.
    most
        So many classes by themselves; all others are one row, their plain mean and the sum of their rows.

    Returns
    -------
    DataFrame
        Index ``class``; NaN, and no part of a mean, for a class that is neither true nor answered in any row.
    """
    counts = confusion(label, probability, threshold, names).to_numpy(dtype=np.float64)
    right, said, true = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    table = pd.DataFrame(
        {
            "precision": right / np.maximum(said, 1),
            "recall": right / np.maximum(true, 1),
            "f1": 2 * right / np.maximum(said + true, 1),
        },
        index=pd.Index(names, name="class"),
    )
    table[said + true == 0] = np.nan
    table["rows"] = true.astype(np.int64)
    every, kept = table, table if by is None else table.sort_values(by, kind="stable")
    rest = kept.iloc[len(kept) if most is None else most :]
    parts = [kept.iloc[: len(kept) - len(rest)]]
    parts += [_together(rest, f"{len(rest)} more")] if len(rest) else []
    return pd.concat([*parts, _together(every, "mean")]).rename_axis("class")


def _together(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return one row for several of a report: the plain mean of their scores, and the sum of their rows."""
    return pd.DataFrame({**table.drop(columns="rows").mean(), "rows": int(table["rows"].sum())}, index=[name])


def _checked(label: ArrayLike, probability: ArrayLike, task: str = "binary") -> tuple[Floats, Floats]:
    """Return labels as numbers and answers in the form that metrics take, or say why they cannot be scored."""
    y, p = targets.numbers(label), targets.narrow(probability)
    if y.ndim != 1 or p.ndim not in (1, 2) or len(y) != len(p) or not len(y):
        raise DataError(f"Labels {y.shape} and probabilities {p.shape} must be equally many, and at least one.")
    if task == "number":
        if not (np.isfinite(y).all() and np.isfinite(p).all()):
            raise DataError("Labels and predictions must be finite numbers.")
        return y, p
    p = targets.of_yes(p) if task in TWO else p
    classes = 2 if p.ndim == 1 else p.shape[1]
    if not np.isin(y, np.arange(classes)).all():
        raise DataError(f"Labels must be {'0 or 1' if classes == 2 else f'codes from 0 to {classes - 1}'}.")
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError("Probabilities must be numbers from 0 to 1.")
    return y, p


def _drawn(
    score: Callable[[Floats], Floats], rows: int, groups: ArrayLike | None, resamples: int, seed: int
) -> tuple[Floats, Floats]:
    """Return scores of the rows themselves, [k], and of each resample of them, [k, resamples]."""
    blocks = [score(weight) for weight in bootstrap.weights(rows, groups, resamples, seed)]
    own = score(np.ones((1, rows)))
    return own[:, 0], np.concatenate(blocks, axis=1) if blocks else np.zeros((len(own), 0))


def _steps(y: Floats, p: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the distinct scores, highest first, with the true and false positives from each on."""
    (tp,), (fp,) = above(y, p, np.ones((1, len(y))))
    return np.unique(p)[::-1], tp, fp
