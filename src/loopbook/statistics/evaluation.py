"""Evaluation: scores with bootstrap intervals, paired comparisons, curves, and the check of the gradient's formula."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError
from loopbook.statistics import bootstrap, targets
from loopbook.statistics.intervals import Interval
from loopbook.statistics.metrics import BINS, computed, reported, scores

Floats = NDArray[np.float64]


def metrics(
    label: ArrayLike,
    probability: ArrayLike,
    threshold: float = 0.5,
    groups: ArrayLike | None = None,
    resamples: int = 1_000,
    seed: int = 0,
    only: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return scores with 95% intervals.

    Parameters
    ----------
    label
        0 or 1, [n].
    probability
        In [0, 1], [n].
    threshold
        From this probability a row is called positive.
    groups
        Rows of one group (an article, an author) are drawn together, because they are alike; [n].
    resamples
        Draws behind each interval.
    only
        Names of metrics; None: all that are registered for the task.

    Returns
    -------
    DataFrame
        Index ``metric``; columns ``value``, ``low``, ``high``. NaN where a class is missing.

    Raises
    ------
    DataError
        If there are no rows, labels other than 0 and 1, or probabilities outside [0, 1].

    References
    ----------
    Efron & Tibshirani (1993), An introduction to the bootstrap: percentile intervals; for groups, the cluster bootstrap
    of Davison & Hinkley (1997).
    """
    y, p = _checked(label, probability)
    names = list(only or scores())
    functions = [computed(name) for name in names]
    own, drawn = _drawn(
        lambda w: np.stack([function(y, p, threshold, w) for function in functions]), len(y), groups, resamples, seed
    )
    count = bootstrap.units(len(y), groups)
    found = [bootstrap.percentile(value, draws, count) for value, draws in zip(own, drawn, strict=True)]
    return pd.DataFrame(found, columns=["value", "low", "high"], index=pd.Index(names, name="metric"))


def flat(table: pd.DataFrame, prefix: str, also: Sequence[str] = ()) -> dict[str, float]:
    """Return the reported metrics of a table of `metrics`, and others by name, with their ends as flat numbers."""
    chosen = table.loc[[*reported(), *also]].rename_axis("metric")
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
    threshold: float = 0.5,
) -> Interval:
    """Return by how much `a` scores higher than `b` on the same rows, with its 95% interval.

    Both are scored on the same resamples, so what is hard for both cancels out.
    """
    function = computed(metric)
    y, first = _checked(label, a)
    _, second = _checked(label, b)
    own, drawn = _drawn(
        lambda w: (function(y, first, threshold, w) - function(y, second, threshold, w))[None],
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
    """Return the calibration curve over bins of equal width: ``probability`` (mean), ``frequency``, ``rows``."""
    y, p = _checked(label, probability)
    frame = pd.DataFrame({"bin": np.minimum((p * bins).astype(np.int64), bins - 1), "y": y, "p": p})
    table = frame.groupby("bin").agg(probability=("p", "mean"), frequency=("y", "mean"), rows=("y", "size"))
    return table.reset_index(drop=True)


def confusion(
    label: ArrayLike, probability: ArrayLike, threshold: float = 0.5, names: tuple[str, str] = ("no", "yes")
) -> pd.DataFrame:
    """Return counts of rows: what is true down the side, what the model says across."""
    y, p = _checked(label, probability)
    counts = np.zeros((2, 2), dtype=np.int64)
    np.add.at(counts, (y.astype(np.int64), (p >= threshold).astype(np.int64)), 1)
    return pd.DataFrame(counts, index=pd.Index(names, name="is"), columns=pd.Index(names, name="model says"))


def report(
    label: ArrayLike, probability: ArrayLike, threshold: float = 0.5, names: tuple[str, str] = ("no", "yes")
) -> pd.DataFrame:
    """Return the classification report: precision, recall, F1 and rows of each class, and their plain mean."""
    counts = confusion(label, probability, threshold, names).to_numpy(dtype=np.float64)
    right, said, true = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    table = pd.DataFrame(
        {
            "precision": right / np.maximum(said, 1),
            "recall": right / np.maximum(true, 1),
            "f1": 2 * right / np.maximum(said + true, 1),
            "rows": true.astype(np.int64),
        },
        index=pd.Index(names, name="class"),
    )
    mean = table[["precision", "recall", "f1"]].mean()
    table.loc["mean"] = [*mean, int(true.sum())]
    return table.astype({"rows": np.int64})


def _checked(label: ArrayLike, probability: ArrayLike) -> tuple[Floats, Floats]:
    y, p = np.asarray(label, dtype=np.float64), targets.of_yes(probability)
    if y.ndim != 1 or y.shape != p.shape or not len(y):
        raise DataError(f"Labels {y.shape} and probabilities {p.shape} must be equally many, and at least one.")
    if not np.isin(y, (0, 1)).all():
        raise DataError("Labels must be 0 or 1.")
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
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))
    tp = np.cumsum(y[order])[ends]
    return p[order][ends], tp, ends + 1 - tp
