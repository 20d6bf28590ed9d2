"""What the model says of the rows that a stream is compared with, in the form in which 05 leaves it for the stream."""

from typing import Any

import pandas as pd

from loopbook.models import seen_rows
from loopbook.scenario.task import Number, Task

_LOW, _HIGH = 4, 94
"""Places of the quantiles 0.05 and 0.95 among 0.01 to 0.99."""


def asked(model: Any, rows: pd.DataFrame, scores: pd.DataFrame, task: Task) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return rows with what the model says of them beside its scores, and these scores.

    Parameters
    ----------
    rows
        Of a split that the model has not learned from; `seen_rows` refuses others.
    scores
        Of the stream: `row_id`, and a column a class.

    Returns
    -------
    rows : DataFrame
        With a column for each further output, and for a number `value` and the ends of its interval.
    scores : DataFrame
        With the columns of the stream's.
    """
    classes = tuple(str(name) for name in scores if name != "row_id")
    said = seen_rows.answer(model, rows).aligned(classes)
    told = said.columns().drop(columns=["probability", "answer"]).set_axis(rows.index)
    table = pd.DataFrame(said.probability, columns=list(classes)).assign(row_id=rows["row_id"].astype(str).to_numpy())
    return bounded(model, rows.assign(**told), task), table


def watched(model: Any, decisions: pd.DataFrame, task: Task, champion: str) -> pd.DataFrame:
    """Return the decisions of the log that the champion has taken, as `bounded` does; no other model's test is known.

    `champion` is its content digest.
    """
    return bounded(model, decisions[decisions["model_version"] == champion].reset_index(drop=True), task)


def bounded(model: Any, rows: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Return rows with the ends of the interval of nine tenths, `low` and `high`, where a number is predicted."""
    if not isinstance(task, Number):
        return rows
    quantiles = model.answer(rows).distribution
    return rows.assign(low=quantiles[:, _LOW], high=quantiles[:, _HIGH])
