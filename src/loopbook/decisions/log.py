"""The decision log: what was decided on each row, why, by which versions, and what came of it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.decisions import policy_costs
from loopbook.decisions.building import Plan
from loopbook.scenario.errors import DataError
from loopbook.statistics.metrics import TWO
from loopbook.store.content import digest_json


@dataclass(frozen=True)
class Decision:
    """One decision, as it stands in the log.

    Attributes
    ----------
    decision_id
        The same for the same row decided by the same versions, whenever that is done.
    probability
        What the model said, of two classes of yes, else of the most probable one; noted also where a rule decided
        before it was asked.
    answer
        The most probable class.
    decision
        What the agent chose: one of the actions, or ``review``.
    action
        What was done in the end; ``review`` while a person has not answered yet.
    rule, rule_hits
        The rule that decided, and all that hold, by name; empty if none does.
    reasons
        Why, in sentences.
    reviewed, review_refused
        Whether a person was asked; whether one would have been, had there been time.
    verdict
        The action that the person chose; None if nobody answered.
    expected_cost
        Of what the agent chose, by the model's probabilities as they are.
    next_action, next_cost
        What else was expected to cost least, an action or ``review``, and how much.
    """

    decision_id: str
    row_id: str
    time: datetime | None
    probability: float
    answer: str
    decision: str
    action: str
    rule: str
    rule_hits: str
    reasons: str
    reviewed: bool
    review_refused: bool
    verdict: str | None
    expected_cost: float
    next_action: str
    next_cost: float
    model_version: str
    policy_version: str
    rules_version: str

    def answered(self, verdict: str) -> "Decision":
        """Return the decision after the person who was asked has chosen an action."""
        reasons = f"{self.reasons} The reviewer decided: {verdict}."
        return replace(self, action=verdict, verdict=verdict, reasons=reasons)


COLUMNS = [field.name for field in fields(Decision)]


def decision_id(row_id: str, versions: tuple[str, str, str]) -> str:
    """Return the name of the decision that these versions of model, policy and rules take on a row."""
    return digest_json([row_id, *versions])[:20]


def table(decisions: Iterable[Decision], rows: pd.DataFrame, plan: Plan, said: pd.DataFrame) -> pd.DataFrame:
    """Return decisions as a table, in the order in which they were taken.

    Parameters
    ----------
    decisions
        What an agent decided.
    rows
        The rows that were decided on; their columns but the label are noted beside the decisions, so that the log can
        be watched and explained by itself. A column that is called like one of the log gets the suffix ``_source``.
    plan
        Task and classes. The columns of its labels are left out: nobody knows them when a decision is taken.
    said
        What else the model answered, by column (`Answers.columns`), in the order of the decisions.

    Returns
    -------
    DataFrame
        `COLUMNS`, the further answers, the rows' columns, and the still unknown `label` (Int8 of two classes, a
        categorical of several, float64 of a number) and `cost` (float64, NaN).

    Raises
    ------
    DataError
        If there are two decisions on one row, or one on a row that is not there.
    """
    log = pd.DataFrame([asdict(decision) for decision in decisions], columns=COLUMNS)
    log = log.join(said.drop(columns=COLUMNS, errors="ignore").set_axis(log.index))
    told = (*log.columns, "label", "cost")
    log["time"] = pd.to_datetime(log["time"], utc=True).astype("datetime64[us, UTC]")
    numbers = dict.fromkeys(("probability", "expected_cost", "next_cost"), "float64")
    log = log.astype({"verdict": "str", "reviewed": bool, "review_refused": bool, **numbers})
    learned = [*plan.task.learned, *(f"label_{name}" for name in plan.task.also)]
    beside = rows.drop(columns=["time", "label", *learned], errors="ignore").set_index(rows["row_id"].astype(str))
    beside = beside.drop(columns="row_id").rename(columns={name: f"{name}_source" for name in told if name in beside})
    if log["row_id"].duplicated().any() or not log["row_id"].isin(beside.index).all():
        raise DataError("A log holds one decision a row, on rows that are there.")
    log = log.join(beside, on="row_id")
    log["label"] = pd.Series([None] * len(log), index=log.index, dtype=label_type(plan))
    log["cost"] = float("nan")
    return log


def label_type(plan: Plan) -> Any:
    """Return the dtype of labels of which some are not known."""
    forms: dict[str, Any] = {**dict.fromkeys(TWO, "Int8"), "number": "float64"}
    return forms.get(plan.task.type) or pd.CategoricalDtype(list(plan.classes))


def settle(log: pd.DataFrame, outcomes: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return the log with outcomes and what the decisions cost.

    Parameters
    ----------
    log
        What `table` returned.
    outcomes
        What has become known: `row_id`, `label`. Rows that are not in it keep what they have.
    plan
        Task and costs.

    Raises
    ------
    DataError
        If an outcome is given twice or is of no class.
    """
    if outcomes["row_id"].duplicated().any():
        raise DataError(f"Two outcomes for row {outcomes['row_id'][outcomes['row_id'].duplicated()].iloc[0]!r}.")
    form = label_type(plan)
    if form == "Int8" and not outcomes["label"].isin([0, 1]).all():
        raise DataError("An outcome is 0 or 1.")
    plan.truth(outcomes["label"])
    known = pd.Series(outcomes["label"].to_numpy(), index=outcomes["row_id"].astype(str))
    settled = log.copy()
    settled["label"] = log["row_id"].map(known).astype(form).fillna(log["label"])
    done = settled["label"].notna() & settled["action"].isin(plan.actions)
    settled["cost"] = float("nan")
    settled.loc[done, "cost"] = plan.prices.realised(
        plan.prices.index(settled.loc[done, "action"]),
        plan.truth(settled.loc[done, "label"]),
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


def summary(log: pd.DataFrame, plan: Plan) -> dict[str, float]:
    """Return what a settled log comes to, under the names that stage 05 records.

    Returns
    -------
    dict
        `decisions`, `acts` (carried out, by agent or reviewer), `reviews`, `reviews_refused`, `review_share`, `settled`
        (outcome known), and over the settled ones `cost`, `cost_per_decision` and `policy_costs.quality`; NaN where
        there is nothing to divide by.
    """
    done = log[log["cost"].notna()]
    nothing = float("nan")
    return {
        "decisions": len(log),
        "acts": int(_acts(log, plan).sum()),
        "reviews": int(log["reviewed"].sum()),
        "reviews_refused": int(log["review_refused"].sum()),
        "review_share": float(log["reviewed"].mean()) if len(log) else nothing,
        "settled": len(done),
        "cost": float(done["cost"].sum()),
        "cost_per_decision": float(done["cost"].mean()) if len(done) else nothing,
        **policy_costs.quality(plan.prices.index(done["action"]), plan.truth(done["label"]), plan.prices),
    }


def _acts(log: pd.DataFrame, plan: Plan) -> NDArray[np.bool_]:
    """Return which decisions have led to an action that does something, bool [n]; a person may not have answered."""
    at = plan.prices.index(log["action"])
    return plan.prices.acts(at) & (at >= 0)


def per_day(log: pd.DataFrame, plan: Plan, slices: int = 24) -> pd.DataFrame:
    """Return the log by day, to draw: `decisions`, `acts`, `reviews`, and `cost` a decision (NaN where none is known).

    The index is the day (UTC), quiet days too; without times, `slices` stretches of equal size, from 1.
    """
    timed = len(log) > 0 and bool(log["time"].notna().all())
    if timed:
        day = log["time"].dt.floor("D")
    else:
        day = pd.Series([1 + at * slices // len(log) for at in range(len(log))], index=log.index, dtype="int64")
    grouped = log.assign(day=day, acts=_acts(log, plan)).groupby("day")
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
