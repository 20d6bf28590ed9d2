"""Trivial baselines: each constant answer, and the majority of each segment; a gain is over the best on the same rows.

A criterion that says "better than always answering the same" cannot hold a share that was counted on other rows, where
another answer may be the better one. So what is compared stands on the same rows, and each resample has its own best
baseline: the gain of a baseline over the best of them is never more than 0.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.statistics import bootstrap, targets
from loopbook.statistics.intervals import Interval
from loopbook.statistics.metrics import computed, primary

Floats = NDArray[np.float64]
Scored = Callable[[Floats], Floats]
"""Takes weightings of the rows [b, n] and returns a score, the more the better, for each [b]."""

_MOST_LEVELS = 50


def answers(train: pd.DataFrame, frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, Floats]:
    """Return what trivial baselines answer, as probabilities of yes: always no, always yes, and by each column.

    Parameters
    ----------
    train
        Rows with `label` from which a segment's share of yes is learned; one that is not in them has the share of all.
    frame
        Rows to answer, n of them.
    columns
        Segments are the values of each of these; a column with one value or more than 50 has none.

    Returns
    -------
    dict
        float [n] by name. From 0.5 on a share answers yes, so that a segment's answer is its majority.

    References
    ----------
    Holte (1993), Very simple classification rules perform well on most commonly used datasets: rules of one column.
    """
    found = {"always no": np.zeros(len(frame)), "always yes": np.ones(len(frame))}
    for column in dict.fromkeys(columns):
        if column not in train.columns or not 2 <= train[column].nunique() <= _MOST_LEVELS:
            continue
        shares = train["label"].groupby(train[column].astype(str)).mean()
        by_row = frame[column].astype(str).map(shares).fillna(train["label"].mean())
        found[f"by {column} alone"] = by_row.to_numpy(dtype=np.float64)
    return found


def gain(
    own: Scored, others: Mapping[str, Scored], rows: int, groups: ArrayLike | None, resamples: int, seed: int = 0
) -> tuple[Interval, str]:
    """Return by how much a score is above the best baseline's on the same rows, with 95% interval; and which that is.

    Nothing here knows of classes: right answers of two or of twenty, and money, are scores alike.
    """
    names, every = list(others), [own, *others.values()]
    blocks = [
        np.stack([score(weights) for score in every]) for weights in bootstrap.weights(rows, groups, resamples, seed)
    ]
    here = np.stack([score(np.ones((1, rows))) for score in every])[:, 0]
    drawn = np.concatenate(blocks, axis=1) if blocks else np.zeros((len(every), 0))
    apart = drawn[0] - drawn[1:].max(axis=0, initial=-np.inf)
    best = int(here[1:].argmax())
    return bootstrap.percentile(here[0] - here[1 + best], apart, bootstrap.units(rows, groups)), names[best]


def metric(name: str, label: ArrayLike, probability: ArrayLike, threshold: float = 0.5) -> Scored:
    """Return a registered metric, for which more is better, of some probabilities, to be weighted."""
    pairs = np.stack([np.asarray(label, dtype=np.float64), targets.of_yes(probability)])
    (y, p), cell = np.unique(pairs, axis=1, return_inverse=True)  # a baseline has few answers: so much is less to sort
    order, function = np.argsort(cell.ravel(), kind="stable"), computed(name)
    starts = np.searchsorted(cell.ravel()[order], np.arange(len(y)))
    return lambda weights: function(y, p, threshold, np.add.reduceat(weights[:, order], starts, axis=1))


def mean(values: ArrayLike) -> Scored:
    """Return the mean of a value a row, such as what was saved, to be weighted."""
    each = np.asarray(values, dtype=np.float64)
    return lambda weights: weights @ each / weights.sum(axis=1)


def figures(
    train: pd.DataFrame, test: pd.DataFrame, probability: ArrayLike, columns: Sequence[str], resamples: int
) -> dict[str, float | str]:
    """Return a model's gains over the best trivial answer on test, as flat numbers: `test_accuracy_gain`, its ends, …

    A gain in ranking is no criterion by itself: a model fitted to shuffled labels leans to one side or the other, and
    in half of all cases to the right one.

    Parameters
    ----------
    train, columns
        As in `answers`.
    test
        With `label` and `group`; resamples draw whole groups.
    probability
        The model's answers on test, float [n].
    """
    others = answers(train, test, columns)
    found: dict[str, float | str] = {}
    for name in ("accuracy", primary().name):
        scored = {other: metric(name, test["label"], answer) for other, answer in others.items()}
        own = metric(name, test["label"], probability)
        (value, low, high), over = gain(own, scored, len(test), test["group"], resamples)
        recorded = f"test_{name}_gain"
        found |= {recorded: value, f"{recorded}_low": low, f"{recorded}_high": high, f"{recorded}_over": over}
    return found
