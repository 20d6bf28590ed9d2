"""Cross-fitting: a detector learns from all normal rows, and each row's score is by one that has not seen its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.models.architecture import Predictor
from loopbook.models.head import Head
from loopbook.models.heads import Goal
from loopbook.models.training.method import TrainingData

Floats = NDArray[np.float64]
Learn = Callable[[pd.DataFrame, tuple[Goal, ...]], Predictor]

_BLOCKS = 5
_LEAST = 10
"""Rows a block; below, neighbours in time say too much of each other, and validation alone is the reference."""


class CrossFit(NamedTuple):
    """A detector of all normal rows of train and validation, and their raw scores by others, float64 [n, 1]."""

    predictor: Predictor
    raw: Floats


def cross_fit(learn: Learn, head: Head, data: TrainingData, progress: Callable[[str], object]) -> CrossFit | None:
    """Fit a detector on all normal rows, and score each contiguous block of time by one that learned from the others.

    A threshold of one alarm in some hundred rows needs more normal rows than validation alone has, and rows that were
    learned from look more normal than new ones. Neighbouring rows look back on the same hours, so blocks are stretches
    of time and not drawn at random.

    Parameters
    ----------
    learn
        Fits the detector on rows, with the goal of each.

    Returns
    -------
    CrossFit | None
        None where there are too few normal rows for five blocks.

    References
    ----------
    Laxhammar & Falkman (2010) for the reference of normal rows; Burman, Chow & Nolan (1994), A cross-validatory method
    for dependent data, for blocks.
    """
    rows = pd.concat([data.train, data.validation], ignore_index=True)
    rows = rows[(head.target(rows["label"]) == 0) & (rows["weight"] > 0)]
    rows = rows.sort_values("time", kind="stable", ignore_index=True)
    if len(rows) < _BLOCKS * _LEAST:
        return None
    block = np.arange(len(rows)) * _BLOCKS // len(rows)
    raw: Any = np.zeros((len(rows), 1))
    for at in range(_BLOCKS):
        progress(f"fitting without stretch {at + 1} of {_BLOCKS}")
        others = rows[block != at].reset_index(drop=True)
        raw[block == at] = learn(others, _goals(head, others)).raw(data.features, rows[block == at], None, progress)
    return CrossFit(learn(rows, _goals(head, rows)), raw)


def _goals(head: Head, rows: pd.DataFrame) -> tuple[Goal, ...]:
    return (Goal.on(head, rows, rows["weight"].to_numpy(np.float64)),)
