"""Figures and tables of notebook 05: costs of the actions, rules, policies compared, the agent's work by day."""

from typing import Any

import numpy as np
import pandas as pd

from loopbook.decisions import cross_validated_costs, log, policy_choice, policy_costs, thresholds
from loopbook.decisions import what_if as hypothetical
from loopbook.decisions.building import Plan
from loopbook.decisions.policies import Policy, believed
from loopbook.decisions.policy_choice import Choice
from loopbook.decisions.policy_costs import Judged
from loopbook.figures import plots
from loopbook.figures.figure import Figure, middle
from loopbook.figures.sentence import Sentence, table
from loopbook.models.answers import Answers
from loopbook.scenario.task import Number
from loopbook.statistics import targets

_READABLE = 12  # classes up to which a matrix of all of them can be read
_WHY = ("probability", "decision", "reasons")


def expected_costs(plan: Plan, currency: str) -> Figure | pd.DataFrame:
    """Show what actions cost.

    Of two classes that is the expected cost of each action by probability, with the band in which asking a person pays;
    of several the cost matrix, a row an action; of many classes only the least that an action costs and what it costs
    else, a row for all actions alike; of a number with costs of its own the cost of each action by value.
    """
    prices = plan.prices
    if prices.two:
        low, high = thresholds.band(prices)
        return plots.lines(
            thresholds.drawn(prices, np.linspace(0, 1, 101), (*plan.actions, "ask a person")),
            title=f"Asking a person is expected to pay between {low:.2g} and {high:.2g}",
            x="probability",
            y=f"expected cost, {currency}",
            alt="Expected cost of each action by probability; a far dearer one ends where it leaves the picture.",
        )
    if prices.functions and isinstance(plan.task, Number):
        low, high = plan.task.label.limits[0], plan.task.label.limits[-1]
        reach = (high - low) or abs(high) or 1.0
        grid = np.linspace(low - reach, high + reach, 201)
        return plots.lines(
            {name: (grid, spent) for name, spent in zip(plan.actions, prices.by_row(grid).T, strict=True)},
            title=f"What each action costs, by {plan.task.label.column}",
            x=f"{plan.task.label.column} {plan.task.label.unit}".strip(),
            y=f"cost, {currency}",
            alt="Cost of each action by the value that comes true.",
        )
    names = [*(middle(name, 40) for name in plan.actions), "ask a person"]
    if len(plan.classes) <= _READABLE:
        quoted = [
            f"“{middle(name)}”" for name in plan.classes
        ]  # nobody takes a class called low for the end of an interval
        return pd.DataFrame(prices.rows, index=pd.Index(names, name="action"), columns=quoted).round(4)
    least, others = prices.rows.min(axis=1), len(plan.classes) - 1
    each = pd.DataFrame(
        {"least": least, "else, in the mean": (prices.rows.sum(axis=1) - least) / others, "action": names}
    ).round(4)
    alike = each.groupby(["least", "else, in the mean"], sort=False)["action"]
    told = alike.agg(lambda known: known.iloc[0] if len(known) == 1 else f"{len(known)} actions, as {known.iloc[0]}")
    return told.reset_index().set_index("action")


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
        x=f"cost of a decision less that of {choice.single}, {currency}",
        alt=f"Cost of each policy against {choice.single}, with its interval.",
        reference=0,
        reference_name="the same",
    )


def what_if(plan: Plan, policy: Policy, stream: pd.DataFrame, live: Answers, currency: str) -> dict[str, Any]:
    """Return what a page needs to answer what other settings would do.

    Of two classes these are counts by probability, for another threshold, other costs or more reviews; of several, a
    table of what other shares of reviews would cost.
    """
    truth, capacity = plan.truth(stream["label"]), plan.settings.review_capacity
    if not plan.prices.two:
        return hypothetical.of_reviews(plan.prices, believed(plan.prices, live), truth, capacity, currency)
    threshold, capacity = hypothetical.start(policy, plan.threshold[0], capacity)
    return hypothetical.plain(truth, live.shown, plan.prices, capacity, threshold, currency)


def verdict(plan: Plan, choice: Choice, judged: Judged, currency: str, fresh: bool) -> Sentence:
    """Return in words which policy the agent has, and what it saves; first, why an approved threshold is void."""
    saving, asking = (
        judged.saving(choice.policy),
        judged.asking(choice.single) if plan.settings.review_capacity else None,
    )
    asked_for = plan.settings.policy is not None
    return Sentence(plan.void + policy_choice.sentence(choice, saving, asking, currency, asked_for, fresh))


def resampled(often: pd.DataFrame, plan: Plan) -> pd.DataFrame | Sentence:
    """Return the policies' costs over all folds, or say that the scenario asks for no cross-validation."""
    folded = cross_validated_costs.table(often, plan).round(3)
    return table(folded, "The scenario asks for no cross-validation (optimization.cv_repeats).")


def resampled_costs(often: pd.DataFrame, plan: Plan, currency: str) -> Figure | None:
    """Draw the policies' costs over all folds, with corrected intervals; None if nothing was resampled."""
    if often.empty:
        return None
    folded = policy_costs.drawable(cross_validated_costs.table(often, plan))
    return plots.intervals(
        folded[["cost", "low", "high"]].rename(columns={"cost": "value"}),
        title=cross_validated_costs.finding(often, plan, currency),
        x=f"cost of a decision, {currency}, with corrected 95% interval",
        alt="Cost of a decision under each policy over all folds, with its interval.",
    )


def reasons(decisions: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return the first decisions to act or to ask, and why each was taken."""
    columns = [*_WHY] if len(plan.classes) == 2 else ["answer", *_WHY]
    if decisions["time"].notna().any():
        columns.insert(0, "time")
    return decisions.loc[~decisions["decision"].isin(plan.actions[: plan.prices.idle]), columns].head(5)


def diary(decisions: pd.DataFrame, plan: Plan) -> Figure:
    """Draw decisions, actions and reviews by day, or by equal stretches of a log without times."""
    by_day = log.per_day(decisions, plan)
    day, days = ("day", "days") if decisions["time"].notna().all() else ("stretch", "equal stretches")
    return plots.timeline(
        by_day[["decisions", "acts", "reviews"]],
        title=f"The agent acted {by_day.acts.sum():,.0f} times in {len(by_day)} {days if len(by_day) != 1 else day}",
        x=day,
        y="rows",
        alt=f"Decisions, actions and reviews in {days}.",
    )


def outcomes(decisions: pd.DataFrame, plan: Plan) -> Figure | pd.DataFrame | Sentence:
    """Draw what was decided by what it was; of many classes list the dearest mistakes instead, with their rows."""
    known = decisions[decisions["label"].notna()]
    if known.empty:
        return Sentence("Nobody knows yet what became of these decisions.")
    outcome = np.array(plan.classes, dtype=object)[targets.codes(known["label"], plan.task)]
    if max(len(plan.classes), len(plan.actions)) <= _READABLE:
        counts = pd.crosstab(known["decision"], pd.Categorical(outcome, categories=list(plan.classes)))
        title = "What was decided, and what it was"
        return plots.matrix(counts, title=title, x="outcome", y="decision", alt="Decisions by outcome.")
    cells = known.assign(outcome=outcome).groupby(["outcome", "decision"])["cost"].agg(["size", "sum"])
    return cells.set_axis(["rows", "cost"], axis=1).sort_values("cost", ascending=False).head(_READABLE).reset_index()


def completeness(adding: pd.DataFrame) -> Figure:
    """Draw what the effects of each row add up to, by what they should; `adding` is what the explanation's says."""
    error, size = adding["error"].abs().mean(), adding["score"].abs().mean()
    ends = [adding["score"].min(), adding["score"].max()]
    return plots.points(
        adding["score"],
        adding["effects"],
        title=f"Effects miss what they should add up to by {error:.2f}, of {size:.2f} on average",
        x="score of the row above that of nothing",
        y="sum of the effects",
        alt="Sum of the effects of each row by the score that they should add up to; on the line they are complete.",
        curves={"complete": (ends, ends)},
    )


def attributions(effects: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """Return the strongest part of each row by occlusion and by Shapley values, and how alike the two rank its parts.

    `alike` is Spearman's rank correlation over the parts of the row that both name, missing where there are too few.
    """
    keys = ["row_id", "field", "part"]
    both = effects.merge(shares, on=keys, suffixes=("_one", "_other")).groupby("row_id", sort=False)
    alike = pd.Series({row: own["effect_one"].corr(own["effect_other"], method="spearman") for row, own in both})
    first = {name: found.groupby("row_id").first() for name, found in (("occlusion", effects), ("Shapley", shares))}
    named = {name: own["part"].astype(str) + own["effect"].map(" ({:+.2f})".format) for name, own in first.items()}
    return pd.DataFrame({**named, "alike": alike})
