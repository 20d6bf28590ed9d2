"""Trivial baselines: constant answers, and what is usual in each segment; a gain is over the best on the same rows.

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
from loopbook.statistics.metrics import METRICS, computed, primary

Floats = NDArray[np.float64]
Scored = Callable[[Floats], Floats]
"""Takes weightings of the rows [b, n] and returns a score, the more the better, for each [b]."""

_MOST_LEVELS = 50
_CONSTANT = 5  # a class that so many are more frequent than is hardly ever the best to answer always
_FIRST = {"number": "mae", "ranking": "roc_auc"}


def answers(train: pd.DataFrame, frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, Floats]:
    """Return what trivial baselines answer: always the same, and what is usual in each segment.

    Parameters
    ----------
    train
        Rows with `label`, in the form of any type of task, from which a segment's shares or mean are learned; one that
        is not in them has those of all rows.
    frame
        Rows to answer, n of them.
    columns
        Segments are the values of each of these; a column with one value or more than 50 has none.

    Returns
    -------
    dict
        By name: of two classes the probability of yes, float64 [n], so that from 0.5 on a segment's answer is its
        majority; of more those of all classes, [n, k]; of a number its value, [n]. Always the same is each of the five
        most frequent classes, and of more than two also the shares of all; of a number it is the mean and the median.

    References
    ----------
    Holte (1993), Very simple classification rules perform well on most commonly used datasets: rules of one column.
    """
    label = train["label"]
    found: dict[str, Floats] = {}
    if pd.api.types.is_float_dtype(label):
        values = pd.DataFrame({0: label})
        found |= {"always the mean": values.mean().to_numpy(), "always the median": values.median().to_numpy()}
    else:
        several = isinstance(label.dtype, pd.CategoricalDtype)
        names = list(label.cat.categories) if several else ["no", "yes"]
        values = pd.DataFrame(np.eye(len(names))[targets.numbers(label).astype(np.int64)], index=train.index)
        usual = np.argsort(-values.sum().to_numpy(), kind="stable")[:_CONSTANT]
        found |= {f"always {names[code]}": np.eye(len(names))[code] for code in sorted(usual)}
        found |= {"the shares of all classes": values.mean().to_numpy()} if len(names) > 2 else {}
    found = {name: np.tile(answer, (len(frame), 1)) for name, answer in found.items()}
    for column in dict.fromkeys(columns):
        if column in train.columns and 2 <= train[column].nunique() <= _MOST_LEVELS:
            shares = values.groupby(train[column].astype(str)).mean()
            by_row = shares.reindex(frame[column].astype(str)).fillna(values.mean())
            found[f"by {column} alone"] = by_row.to_numpy()
    return {name: answer[:, 0] if answer.shape[1] == 1 else targets.narrow(answer) for name, answer in found.items()}


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


def metric(name: str, label: ArrayLike, probability: ArrayLike) -> Scored:
    """Return a registered metric of some answers, to be weighted; where less is better its negative."""
    pairs = np.column_stack([targets.numbers(label), targets.narrow(probability)])
    cells, cell = np.unique(pairs, axis=0, return_inverse=True)  # a baseline has few answers: so much is less to sort
    y, p = cells[:, 0], cells[:, 1] if cells.shape[1] == 2 else cells[:, 1:]
    order, function = np.argsort(cell.ravel(), kind="stable"), computed(name)
    starts, loss = np.searchsorted(cell.ravel()[order], np.arange(len(y))), METRICS[name].direction.loss
    return lambda weights: -loss(function(y, p, 0.5, np.add.reduceat(weights[:, order], starts, axis=1)))


def mean(values: ArrayLike) -> Scored:
    """Return the mean of a value a row, such as what was saved, to be weighted."""
    each = np.asarray(values, dtype=np.float64)
    return lambda weights: weights @ each / weights.sum(axis=1)


def figures(
    train: pd.DataFrame,
    test: pd.DataFrame,
    probability: ArrayLike,
    columns: Sequence[str],
    resamples: int,
    task: str = "binary",
) -> dict[str, float | str]:
    """Return a model's gains over the best trivial answer on test, as flat numbers: `test_accuracy_gain`, its ends, …

    Gains are in accuracy, or of a number in its mean absolute error, and in the task's primary metric. One in ranking
    is no criterion by itself: a model fitted to shuffled labels leans to one side or the other, and in half of all
    cases to the right one.

    Parameters
    ----------
    train, columns
        As in `answers`.
    test
        With `label` and `group`; resamples draw whole groups.
    probability
        The model's answers on test, in the form of the task's type (`metrics.Score`).
    task
        Type of the task.
    """
    others = answers(train, test, columns)
    found: dict[str, float | str] = {}
    for name in dict.fromkeys((_FIRST.get(task, "accuracy"), primary(task).name)):
        scored = {other: metric(name, test["label"], answer) for other, answer in others.items()}
        own = metric(name, test["label"], probability)
        gained, over = gain(own, scored, len(test), test["group"], resamples)
        found |= {**gained.recorded(f"test_{name}_gain"), f"test_{name}_gain_over": over}
    return found
