"""Predictions: what a fit says of validation, as a table; arrays of several columns are written as numbered columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.models import heads
from loopbook.models.heads import Goal

Floats = NDArray[np.float64]

BEFORE, ANSWER = "before", "answer"
"""What the model says of the label before calibration and after, where each row is calibrated without its group."""


def table(frame: pd.DataFrame, goals: Sequence[Goal], z: Floats) -> pd.DataFrame:
    """Return what the heads say of rows.

    Parameters
    ----------
    frame
        The rows, in canonical form.
    goals
        What each head is to say of them; not calibrated.
    z
        Raw scores, float64 [n, W].

    Returns
    -------
    DataFrame
        ``row_id``, ``group``, ``label``, ``weight`` and the labels of further outputs as they are; `BEFORE` and
        `ANSWER`, and behind them each further output by its name: what metrics judge (`Head.judged`), to be read by
        `array`.
    """
    names = [heads.column(goal.head) for goal in goals]
    parts = [frame[["row_id", "group", *names, "weight"]].reset_index(drop=True)]
    groups = frame["group"].to_numpy()
    for goal, (head, own) in zip(goals, heads.parts([goal.head for goal in goals], z), strict=True):
        if not head.name:
            parts.append(columns(BEFORE, head.judged(own)))
        parts.append(columns(head.name or ANSWER, head.cross_fitted(goal.target, own, groups)))
    return pd.concat(parts, axis=1)


def columns(name: str, values: Floats) -> pd.DataFrame:
    """Return an array [n] as a column of that name, [n, …] as columns ``name.0``, ``name.1``, …"""
    if values.ndim == 1:
        return pd.DataFrame({name: values})
    return pd.DataFrame(values, columns=[f"{name}.{at}" for at in range(values.shape[1])])


def array(table: pd.DataFrame, name: str = ANSWER) -> NDArray[Any]:
    """Return what `columns` wrote under a name, float64 [n, …]."""
    if name in table.columns:
        return table[name].to_numpy(dtype=np.float64)
    chosen = [column for column in table.columns if str(column).rpartition(".")[0] == name]
    return table[chosen].to_numpy(dtype=np.float64)
