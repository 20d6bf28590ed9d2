"""Distribution of the label: rows of each class by split, and the classes that train does not know."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from loopbook.scenario.task import Number, Task
from loopbook.statistics import targets

RARE = 10
"""Rows of train below which a class is rare: too few to learn it from, or to fold."""


def counts(splits: Mapping[str, pd.DataFrame], task: Task, label: str = "label") -> pd.DataFrame:
    """Return how many rows of each class of a label each split has, int64 [k, splits]; of a number, of each band."""
    names = targets.classes(next(iter(splits.values()))[label], task)
    codes = {split: targets.codes(frame[label], task) for split, frame in splits.items()}
    found = {split: np.bincount(known[known >= 0], minlength=len(names)) for split, known in codes.items()}
    return pd.DataFrame(found, index=pd.Index(names, name="class"))


def told(names: pd.Index) -> pd.Index:
    """Return the classes whose shares say everything: of two the second."""
    return names[1:] if len(names) == 2 else names


def unseen(counted: pd.DataFrame) -> "pd.Series[Any]":
    """Return the classes that train has never seen, with their rows in the other splits."""
    rows = counted.sum(axis=1)
    return rows[(counted["train"] == 0) & (rows > 0)].sort_values(ascending=False)


def summary(splits: Mapping[str, pd.DataFrame], task: Task) -> pd.DataFrame:
    """Return what is told of the label of each split, a row a split.

    Of two classes the share of the second; of several how many there are, and the rows of those that train has never
    seen; of a number its mean and median.
    """
    if isinstance(task, Number):
        return pd.DataFrame({name: frame["label"].agg(["mean", "median"]) for name, frame in splits.items()}).T
    counted = counts(splits, task)
    if len(counted) == 2:
        return (counted / counted.sum()).iloc[1:].T
    return pd.DataFrame(
        {"classes": (counted > 0).sum(), "rows of unseen classes": counted.loc[unseen(counted).index].sum()}
    )
