"""Rows as a reader can take them in: with many fields, the fields stand down the side."""

from collections.abc import Sequence

import pandas as pd

from loopbook.data.cleaning import shorten
from loopbook.data.features import column
from loopbook.scenario.task import Task

WIDEST = 8
"""Fields that still fit side by side."""
_NAME = 12  # characters of a row's name, so that five rows fit on paper


def rows(frame: pd.DataFrame, task: Task, others: Sequence[str] = ()) -> pd.DataFrame:
    """Return rows with the task's input fields and some other columns.

    Parameters
    ----------
    frame
        Rows in canonical form.
    others
        Columns to show besides, such as the label.

    Returns
    -------
    DataFrame
        A row for each row; or, if there are more than `WIDEST` fields, a column for each, under its `row_id`, with the
        other columns on top.
    """
    fields = {name: column(frame, name) for name in task.fields}
    if len(fields) <= WIDEST:
        return pd.DataFrame({**fields, **{name: frame[name] for name in others}}, index=frame.index)
    shown = pd.DataFrame({**{name: frame[name] for name in others}, **fields})
    numbers = shown.select_dtypes("float").columns
    shown = shown.astype(dict.fromkeys(shown.columns, object))
    for name in numbers:
        shown[name] = shown[name].map(lambda value: "–" if pd.isna(value) else f"{value:.4g}")
    names = [shorten(name, _NAME) for name in frame["row_id"].astype(str)]
    return shown.set_axis(pd.Index(names, name="row"), axis=0).T.rename_axis("field")
