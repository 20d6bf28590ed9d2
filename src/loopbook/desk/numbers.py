"""The desk's numbers: what became of real conversations, read from the sealed log."""

import numpy as np
import pandas as pd

from loopbook.desk.records import ASKED, CLOSED, RATED, WROTE
from loopbook.scenario.desk import DeskCosts
from loopbook.statistics import intervals
from loopbook.statistics.intervals import Interval

BAD = 2
"""Ratings, of 1 to 5, up to which an answer counts as a wrong one."""

COLUMNS = ["measure", "of", "value", "low", "high"]


def numbers(talked: pd.DataFrame, costs: DeskCosts) -> pd.DataFrame:
    """Return the desk's numbers.

    Wrong answers are told by people: a rating of at most `BAD`, or a person who closes the conversation as not
    resolved. Of conversations that nobody rated or closed, nobody knows; so the cost counts only wrong answers told.

    Parameters
    ----------
    talked
        The sealed log's conversations: a row for each event.
    costs
        What acts cost.

    Returns
    -------
    DataFrame
        A row a measure: `measure`, `of` (conversations that it is of), `value`, `low`, `high`; without rows where
        there are no conversations.
    """
    asked = talked[talked["event"] == ASKED] if len(talked) else talked
    if not len(asked):
        return pd.DataFrame(columns=COLUMNS)
    rows = pd.DataFrame(
        [_one(part, costs) for _, part in talked.groupby("conversation") if (part["event"] == ASKED).any()]
    )
    judged, waited = rows["wrong"].dropna(), rows["waited"].dropna()
    found = [
        ("resolved without a person", len(rows), *_share(~rows["person"])),
        ("wrong answers, of those judged", len(judged), *_share(judged.astype(bool))),
        ("harmful text declined", len(rows), *_share(rows["harmful"])),
        ("handed over and nobody has written yet", len(rows), *_share(rows["person"] & rows["waited"].isna())),
        ("minutes until a person wrote, mean", len(waited), *intervals.student(waited)),
        ("cost of a conversation", len(rows), *intervals.student(rows["cost"])),
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def _one(part: pd.DataFrame, costs: DeskCosts) -> dict[str, float | bool | None]:
    """Return what became of one conversation."""
    part = part.sort_values("number")
    over = part.loc[part["act"] == "hand_over", "written"]
    over = over if len(over) else part.loc[part["state"] == "waits", "written"]
    wrote = part.loc[part["event"] == WROTE, "written"]
    person = bool(len(over) or len(wrote))
    waited = (wrote.iloc[0] - over.iloc[0]).total_seconds() / 60 if len(over) and len(wrote) else None
    ratings, closed = part.loc[part["event"] == RATED, "rating"], part.loc[part["event"] == CLOSED, "resolved"].dropna()
    wrong: bool | None = None
    if len(ratings) or len(closed):
        wrong = bool((len(ratings) and ratings.iloc[-1] <= BAD) or (len(closed) and not closed.iloc[-1]))
    cost = float((part["act"] == "clarify").sum()) * costs.clarification + person * costs.person
    cost += (waited or 0.0) * costs.waiting + bool(wrong) * costs.wrong
    harmful = bool((part["act"] == "decline").any())
    return {"person": person, "waited": waited, "wrong": wrong, "harmful": harmful, "cost": cost}


def _share(values: "pd.Series[bool]") -> Interval:
    return intervals.wilson(float(values.mean()), len(values)) if len(values) else Interval(np.nan, np.nan, np.nan)
