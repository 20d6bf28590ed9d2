"""Figures and tables of notebook 05: costs of the actions, rules, policies compared, the agent's work by day."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from loopbook.decisions import costs, cross_validated_costs, log, policy_choice, policy_costs
from loopbook.decisions import what_if as hypothetical
from loopbook.decisions.building import Plan
from loopbook.decisions.costs import band, drawn
from loopbook.decisions.policies import Policy
from loopbook.decisions.policy_choice import Choice
from loopbook.decisions.policy_costs import Judged
from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.figures.sentence import Sentence, table
from loopbook.scenario.decisions import Costs
from loopbook.scenario.task import Task


def expected_costs(plan: Plan, currency: str) -> Figure:
    """Draw the expected cost of each action by probability, and name the band in which asking a person pays."""
    prices = costs.of(plan.settings.costs, plan.task)
    low, high = band(prices)
    return plots.lines(
        drawn(prices, np.linspace(0, 1, 101), (*plan.task.actions, "ask a person")),
        title=f"Asking a person is expected to pay between {low:.2g} and {high:.2g}",
        x="probability",
        y=f"expected cost, {currency}",
        alt="Expected cost of each action by probability; a far dearer one ends where it leaves the picture.",
    )


def rules(plan: Plan) -> pd.DataFrame | Sentence:
    """Return the rules in force: name, condition, action."""
    rows = [{"rule": name, **rule.model_dump()} for name, rule in plan.rules.items()]
    return table(pd.DataFrame(rows, columns=["rule", "when", "action"]), "There are no rules yet.")


def compared(judged: pd.DataFrame, choice: Choice, currency: str) -> Figure:
    """Draw what each policy costs less that of the best single threshold, with its interval (`Judged.table`)."""
    columns = {"difference": "value", "difference_low": "low", "difference_high": "high"}
    return plots.intervals(
        policy_costs.drawable(judged)[list(columns)].rename(columns=columns),
        title=f"On the stream, {choice.policy} costs {judged.cost[choice.policy]:,.2f} {currency} a decision",
        x=f"cost of a decision less that of {choice.threshold}, {currency}",
        alt=f"Cost of each policy against {choice.threshold}, with its interval.",
        reference=0,
        reference_name="the same",
    )


def what_if(plan: Plan, policy: Policy, stream: pd.DataFrame, live: ArrayLike, currency: str) -> dict[str, Any]:
    """Return the counts from which a page answers what another threshold, other costs or more reviews would do."""
    threshold, capacity = hypothetical.start(policy, plan.threshold[0], plan.settings.review_capacity)
    prices = costs.of(plan.settings.costs, plan.task)
    return hypothetical.plain(stream["label"], live, prices, capacity, threshold, currency)


def verdict(plan: Plan, choice: Choice, judged: Judged, currency: str, fresh: bool) -> Sentence:
    """Return in words which policy the agent has, and what it saves; first, why an approved threshold is void."""
    saving, asking = judged.saving(choice.policy), judged.asking(choice.threshold)
    asked_for = plan.settings.policy is not None
    return Sentence(plan.void + policy_choice.sentence(choice, saving, asking, currency, asked_for, fresh))


def resampled(often: pd.DataFrame, prices: Costs) -> pd.DataFrame | Sentence:
    """Return the policies' costs over all folds, or say that the scenario asks for no cross-validation."""
    folded = cross_validated_costs.table(often, prices).round(3)
    return table(folded, "The scenario asks for no cross-validation (optimization.cv_repeats).")


def resampled_costs(often: pd.DataFrame, prices: Costs, currency: str) -> Figure | None:
    """Draw the policies' costs over all folds, with corrected intervals; None if nothing was resampled."""
    if often.empty:
        return None
    folded = policy_costs.drawable(cross_validated_costs.table(often, prices))
    return plots.intervals(
        folded[["cost", "low", "high"]].rename(columns={"cost": "value"}),
        title=cross_validated_costs.finding(often, prices, currency),
        x=f"cost of a decision, {currency}, with corrected 95% interval",
        alt="Cost of a decision under each policy over all folds, with its interval.",
    )


def reasons(decisions: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Return the first decisions to act or to ask, and why each was taken."""
    columns = ["probability", "decision", "reasons"]
    if decisions["time"].notna().any():
        columns.insert(0, "time")
    return decisions.loc[decisions["decision"] != task.actions[0], columns].head(5)


def diary(decisions: pd.DataFrame, task: Task) -> Figure:
    """Draw decisions, actions and reviews by day, or by equal stretches of a log without times."""
    by_day = log.per_day(decisions, task)
    day, days = ("day", "days") if decisions["time"].notna().all() else ("stretch", "equal stretches")
    return plots.timeline(
        by_day[["decisions", "acts", "reviews"]],
        title=f"The agent acted {by_day.acts.sum():,.0f} times in {len(by_day)} {days}",
        x=day,
        y="rows",
        alt=f"Decisions, actions and reviews in {days}.",
    )


def outcomes(decisions: pd.DataFrame, task: Task) -> Figure:
    """Draw the confusion matrix: what was decided by what it was."""
    counts = pd.crosstab(decisions["decision"], decisions["label"].map(dict(enumerate(task.label.classes))))
    title = "What was decided, and what it was"
    return plots.matrix(counts, title=title, x="outcome", y="decision", alt="Decisions by outcome.")
