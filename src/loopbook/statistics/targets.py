"""Targets: a label column as class codes, and probabilities as one row of classes, whatever the type of the task.

How rows carry their label: `binary` as 0 or 1 (int8); `multiclass` as a pandas categorical whose categories are all
classes, those that train has never seen included; `number` as float64. What is decided is always one of several
classes: of a number it is the band between two limits.

How a model's answer is carried: float64 [n, k], one column a class. Where two classes allow something special (a
threshold, a band, ROC), a function takes the probability of yes alone, float64 [n].
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Number, Task

Floats = NDArray[np.float64]
NO_CLASS = -1
"""The code of a row whose label is not known, and of a class that is not among those asked for."""


def classes(label: "pd.Series[Any]", task: Task) -> tuple[str, ...]:
    """Return the names of all classes, in the order of their codes."""
    if isinstance(label.dtype, pd.CategoricalDtype):
        return tuple(map(str, label.cat.categories))
    return task.label.classes


def codes(label: "pd.Series[Any]", task: Task) -> NDArray[np.int64]:
    """Return the code of each row's class, int64 [n]; `NO_CLASS` where the label is missing."""
    if isinstance(label.dtype, pd.CategoricalDtype):
        return np.asarray(label.cat.codes, dtype=np.int64)
    values = label.to_numpy(np.float64, na_value=np.nan)
    found = np.searchsorted(task.label.limits, values, side="left") if isinstance(task, Number) else values
    return np.where(np.isnan(values), NO_CLASS, found).astype(np.int64)


def numbers(label: ArrayLike) -> Floats:
    """Return labels as metrics take them, float64 [n]: of a categorical its codes, of all else the numbers.

    Raises
    ------
    DataError
        If a categorical has a missing label: its code would be taken for that of the last class.
    """
    if not isinstance(label, pd.Series) or not isinstance(label.dtype, pd.CategoricalDtype):
        return np.asarray(label, dtype=np.float64)
    if missing := int(label.isna().sum()):
        raise DataError(f"{missing:,} of {len(label):,} rows have no label, and cannot be judged.")
    return np.asarray(label.cat.codes, dtype=np.float64)


def narrow(probability: ArrayLike) -> Floats:
    """Return probabilities in the form that metrics take: of two classes that of yes, [n]; else as they are."""
    p = np.asarray(probability, dtype=np.float64)
    return p[:, 1] if p.ndim == 2 and p.shape[1] == 2 else p


def by_class(probability: ArrayLike) -> Floats:
    """Return probabilities of all classes, float64 [n, k]; of [n], the probabilities of yes, those of no and yes."""
    p = np.asarray(probability, dtype=np.float64)
    return np.column_stack([1 - p, p]) if p.ndim == 1 else p


def of_yes(probability: ArrayLike) -> Floats:
    """Return the probability of yes, float64 [n], from that or from those of both classes.

    Raises
    ------
    DataError
        If there are more than two classes.
    """
    p = np.asarray(probability, dtype=np.float64)
    if p.ndim == 2 and p.shape[1] != 2:
        raise DataError(f"There is no probability of yes among those of {p.shape[1]} classes.")
    return p[:, 1] if p.ndim == 2 else p


def aligned(probability: Floats, known: tuple[str, ...], asked: tuple[str, ...]) -> Floats:
    """Return the columns of the classes `asked` from those of the classes `known`; 0 for one that is not known."""
    if known == asked:
        return probability
    place = {name: at for at, name in enumerate(known)}
    zero = np.zeros(len(probability))
    return np.column_stack([probability[:, place[name]] if name in place else zero for name in asked])
