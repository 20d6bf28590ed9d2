"""The decision log: what was decided on each row, why, by which versions, and what came of it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime

import pandas as pd

from loopbook.decisions import costs
from loopbook.decisions.rules import REVIEW
from loopbook.scenario.decisions import Costs
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task
from loopbook.store.content import digest_json


@dataclass(frozen=True)
class Decision:
    """One decision, as it stands in the log.

    Attributes
    ----------
    decision_id
        The same for the same row decided by the same versions, whenever that is done.
    probability
        What the model said; noted also where a rule decided before it was asked.
    decision
        What the agent chose: one of the two actions, or ``review``.
    action
        What was done in the end; ``review`` while a person has not answered yet.
    rule, rule_hits
        The rule that decided, and all that hold, by name; empty if none does.
    reasons
        Why, in sentences.
    reviewed, review_refused
        Whether a person was asked; whether one would have been, had there been time.
    verdict
        Whether the person would act; None if nobody answered.
    """

    decision_id: str
    row_id: str
    time: datetime | None
    probability: float
    decision: str
    action: str
    rule: str
    rule_hits: str
    reasons: str
    reviewed: bool
    review_refused: bool
    verdict: bool | None
    model_version: str
    policy_version: str
    rules_version: str


COLUMNS = [field.name for field in fields(Decision)]


def decision_id(row_id: str, versions: tuple[str, str, str]) -> str:
    """Return the name of the decision that these versions of model, policy and rules take on a row."""
    return digest_json([row_id, *versions])[:20]


def table(decisions: Iterable[Decision], rows: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Return decisions as a table, in the order in which they were taken.

    Parameters
    ----------
    decisions
        What an agent decided.
    rows
        The rows that were decided on; their columns but the label are noted beside the decisions, so that the log can
        be watched and explained by itself. A column that is called like one of the log gets the suffix ``_source``.
    task
        Its label's column is left out: nobody knows it when a decision is taken.

    Returns
    -------
    DataFrame
        `COLUMNS`, the rows' columns, and the still unknown `label` (Int8) and `cost` (float64, NaN).

    Raises
    ------
    DataError
        If there are two decisions on one row, or one on a row that is not there.
    """
    log = pd.DataFrame([asdict(decision) for decision in decisions], columns=COLUMNS)
    log["time"] = pd.to_datetime(log["time"], utc=True).astype("datetime64[us, UTC]")
    log = log.astype({"verdict": "boolean", "reviewed": bool, "review_refused": bool, "probability": "float64"})
    beside = rows.drop(columns=["time", "label", task.label.column], errors="ignore").set_index(
        rows["row_id"].astype(str)
    )
    beside = beside.drop(columns="row_id").rename(
        columns={name: f"{name}_source" for name in (*COLUMNS, "cost") if name in beside}
    )
    if log["row_id"].duplicated().any() or not log["row_id"].isin(beside.index).all():
        raise DataError("A log holds one decision a row, on rows that are there.")
    log = log.join(beside, on="row_id")
    log["label"] = pd.array([pd.NA] * len(log), dtype="Int8")
    log["cost"] = float("nan")
    return log


def settle(log: pd.DataFrame, outcomes: pd.DataFrame, prices: Costs, task: Task) -> pd.DataFrame:
    """Return the log with outcomes and what the decisions cost.

    Parameters
    ----------
    log
        What `table` returned.
    outcomes
        What has become known: `row_id`, `label` (0 or 1). Rows that are not in it keep what they have.
    prices
        The cost matrix.
    task
        Its second action is the one for yes.

    Raises
    ------
    DataError
        If an outcome is given twice or is neither 0 nor 1.
    """
    if outcomes["row_id"].duplicated().any():
        raise DataError(f"Two outcomes for row {outcomes['row_id'][outcomes['row_id'].duplicated()].iloc[0]!r}.")
    if not outcomes["label"].isin([0, 1]).all():
        raise DataError("An outcome is 0 or 1.")
    known = pd.Series(outcomes["label"].to_numpy(), index=outcomes["row_id"].astype(str)).astype("Int8")
    settled = log.copy()
    settled["label"] = log["row_id"].map(known).astype("Int8").fillna(log["label"])
    done = settled["label"].notna() & (settled["action"] != REVIEW)
    settled["cost"] = float("nan")
    settled.loc[done, "cost"] = costs.realised(
        prices,
        settled.loc[done, "action"] == task.actions[1],
        settled.loc[done, "label"].astype(int),
        settled.loc[done, "reviewed"],
    )
    return settled


def explained(log: pd.DataFrame, sentences: Mapping[str, str]) -> pd.DataFrame:
    """Return the log with further sentences, by `row_id`, added to the reasons."""
    longer = [
        f"{reasons} {sentences[row]}" if row in sentences else reasons
        for row, reasons in zip(log["row_id"], log["reasons"], strict=True)
    ]
    return log.assign(reasons=longer)


def summary(log: pd.DataFrame, task: Task) -> dict[str, float]:
    """Return what a settled log comes to, under the names that stage 05 records.

    Returns
    -------
    dict
        `decisions`, `acts` (carried out, by agent or reviewer), `reviews`, `reviews_refused`, `review_share`, `settled`
        (outcome known), and over the settled ones `cost`, `cost_per_decision`, `precision`, `recall`, `accuracy`; NaN
        where there is nothing to divide by.
    """
    done = log[log["cost"].notna()]
    acted = (done["action"] == task.actions[1]).to_numpy()
    positive = (done["label"] == 1).to_numpy(dtype=bool)
    right = int((acted & positive).sum())
    nothing = float("nan")
    return {
        "decisions": len(log),
        "acts": int((log["action"] == task.actions[1]).sum()),
        "reviews": int(log["reviewed"].sum()),
        "reviews_refused": int(log["review_refused"].sum()),
        "review_share": float(log["reviewed"].mean()) if len(log) else nothing,
        "settled": len(done),
        "cost": float(done["cost"].sum()),
        "cost_per_decision": float(done["cost"].mean()) if len(done) else nothing,
        "precision": right / int(acted.sum()) if acted.any() else nothing,
        "recall": right / int(positive.sum()) if positive.any() else nothing,
        "accuracy": float((acted == positive).mean()) if len(done) else nothing,
    }


def per_day(log: pd.DataFrame, task: Task, slices: int = 24) -> pd.DataFrame:
    """Return the log by day, to draw: `decisions`, `acts`, `reviews`, and `cost` a decision (NaN where none is known).

    The index is the day (UTC), quiet days too; without times, `slices` stretches of equal size, from 1.
    """
    timed = len(log) > 0 and bool(log["time"].notna().all())
    if timed:
        day = log["time"].dt.floor("D")
    else:
        day = pd.Series([1 + at * slices // len(log) for at in range(len(log))], index=log.index, dtype="int64")
    grouped = log.assign(day=day, acts=log["action"] == task.actions[1]).groupby("day")
    result = pd.DataFrame(
        {
            "decisions": grouped.size(),
            "acts": grouped["acts"].sum(),
            "reviews": grouped["reviewed"].sum(),
            "cost": grouped["cost"].mean(),
        }
    )
    if not timed:
        return result
    counts = ["decisions", "acts", "reviews"]
    return result.asfreq("D").fillna(dict.fromkeys(counts, 0)).astype(dict.fromkeys(counts, "int64"))
