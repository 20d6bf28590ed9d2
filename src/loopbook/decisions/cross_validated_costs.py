"""Policies in money over repeated cross-validation: on every row that a model has not seen, again and again.

Where rows are few, the stream holds a handful of mistakes, and one more or less turns every comparison round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd

from loopbook.decisions import policy_costs
from loopbook.decisions.building import Plan, build
from loopbook.decisions.replay import Outcome, replay, simulated_verdicts
from loopbook.models import predictions
from loopbook.models.answers import Answers, of
from loopbook.scenario.decisions import PolicyName
from loopbook.scenario.errors import DataError
from loopbook.statistics.intervals import Interval, student

COLUMNS = ["repeat", "fold", "policy", "rows", "positives", "cost", "acts", "right", "reviews"]
"""What `judge` returns: `cost` a decision, the others counts. `positives` are rows of a class for which something is
to be done, `acts` those for which something was done, and `right` those of both for which that was the right thing."""

SHARES = ("review_share", "precision", "recall", "informedness")


def judge(
    plan: Plan, rows: Sequence[pd.DataFrame], resampled: pd.DataFrame, segments: Sequence[str] = ()
) -> pd.DataFrame:
    """Replay policies on every fold, each built on the other folds of its repeat.

    The probabilities of the other folds are out-of-fold too, so that a policy meets what it was built for; their
    models, though, have seen rows of the fold that is judged, as those of any stacked estimate have. The simulated
    reviewer errs on other rows in each repeat.

    Parameters
    ----------
    plan
        What to build.
    rows
        The splits that were resampled, with `row_id` and the task's fields.
    resampled
        What ``models.choice.cross_validation.run`` returned.
    segments
        As in `policy_costs.trivial`, whose policies are judged beside the plan's.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row for each repeat, fold and policy; empty if nothing was resampled.

    Raises
    ------
    DataError
        If a resampled row is not among `rows`.
    """
    known = pd.concat(rows, ignore_index=True).set_index("row_id", drop=False).rename_axis(None)
    unknown = set(resampled["row_id"]) - set(known.index)
    if unknown:
        raise DataError(f"{len(unknown)} resampled rows are not among the rows given, such as {min(unknown)}.")
    found: list[tuple[object, ...]] = []
    for repeat, part in resampled.groupby("repeat"):
        frame = known.loc[part["row_id"]].reset_index(drop=True)
        p, fold = _said(part, plan), part["fold"].to_numpy()
        verdicts = simulated_verdicts(frame, plan, int(str(repeat)))
        for at in sorted(set(fold)):
            rest, held = frame[fold != at], frame[fold == at]
            should = plan.prices.should(plan.truth(held["label"]))
            positive = plan.prices.acts(should)
            policies = build(plan, rest, p[fold != at])
            outcomes: dict[str, Outcome] = {
                name: replay(policy, held, p[fold == at], plan, verdicts) for name, policy in policies.items()
            }
            outcomes |= policy_costs.trivial(rest, rest, held, plan, segments, verdicts)
            for name, came in outcomes.items():
                acts, asked = plan.prices.acts(came.action), came.reviewed.sum()
                right = acts & positive & (came.action == should)
                counts = (len(held), positive.sum(), came.cost.mean(), acts.sum(), right.sum(), asked)
                found.append((repeat, at, name, *counts))
    return pd.DataFrame(found, columns=COLUMNS)


def table(judged: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return one row a policy: what it costs over all folds, beside what decides without asking where it is unsure.

    That is the cheapest, on these very folds, of `Plan.singles` and of what needs no model. Asking about
    any rows as time allows is among it: else people who know the answer would make any model look as if it knew where
    to ask.

    Returns
    -------
    DataFrame
        Index `policy`, of the plan's and the cheapest trivial one; `cost`, `low`, `high`: cost a decision with its 95%
        interval over the folds, which is never below what the cheapest outcome costs; `difference`, `difference_low`,
        `difference_high`: less that of the reference, paired by fold; `ratio`: over it; `review_share`, `precision`,
        `recall`, and of two classes `informedness`: over all folds. Empty if nothing was resampled.
    """
    columns = ["cost", "low", "high", "difference", "difference_low", "difference_high"]
    columns += ["ratio", *SHARES[: 4 if plan.prices.two else 3]]
    if judged.empty:
        return pd.DataFrame(columns=columns, index=pd.Index([], name="policy"))
    least = plan.prices.cost.min(initial=np.inf) if plan.prices.cost.size else -np.inf
    costs = _costs(judged)
    base = costs[_reference(judged, plan)]
    total = judged.groupby("policy")[["rows", "positives", "acts", "right", "reviews"]].sum()
    rows = {}
    for name in [name for name in costs.columns if name not in _trivial(judged)] + [best(judged, _trivial(judged))]:
        own, apart = _interval(costs[name]), _interval(costs[name] - base)
        own = own._replace(low=max(own.low, least))
        ratio = own.value / base.mean() if base.mean() > 0 else np.nan
        count = total.loc[name]
        precision = count["right"] / count["acts"] if count["acts"] else np.nan
        recall = count["right"] / count["positives"] if count["positives"] else np.nan
        shares = [count["reviews"] / count["rows"], precision, recall]
        if plan.prices.two:
            shares.append(recall - (count["acts"] - count["right"]) / (count["rows"] - count["positives"]))
        rows[name] = (*own, *apart, ratio, *shares)
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("policy").sort_values("cost")


def best(judged: pd.DataFrame, names: Sequence[str]) -> str:
    """Return the cheapest of some policies over all folds."""
    return str(_costs(judged)[list(names)].mean().idxmin())


def saving(judged: pd.DataFrame, policy: str, against: str) -> Interval:
    """Return what `policy` costs less a decision than `against`, paired by fold, with its 95% interval."""
    costs = _costs(judged)
    return _interval(costs[against] - costs[policy])


def finding(judged: pd.DataFrame, plan: Plan, currency: str) -> str:
    """Return in a sentence what asking a person where the model is unsure is worth against the best without that.

    Where there is nobody to ask, it says what that costs.
    """
    shown = table(judged, plan)
    asking, folds = shown.loc["review"], judged.groupby(["repeat", "fold"]).ngroups
    over = _reference(judged, plan)
    if not plan.settings.review_capacity:
        least = float(shown["cost"][over])
        return f"Over {folds} folds, “{over}” costs {least:.2f} {currency} a decision, the least"
    return (
        f"Over {folds} folds, asking a person when in doubt costs {asking['ratio']:.2f} of “{over}”, the "
        f"best without that: {asking['difference']:+.2f} {currency} a decision ({asking['difference_low']:+.2f} to "
        f"{asking['difference_high']:+.2f})"
    )


def figures(judged: pd.DataFrame, plan: Plan, policy: str) -> Mapping[str, float]:
    """Return flat numbers to record of the agent's policy and of asking a person; none if nothing was resampled."""
    if judged.empty:
        return {}
    shown = table(judged, plan)
    saved = saving(judged, policy, best(judged, _trivial(judged)))
    named = {
        "cv": (policy, ("cost", "low", "high", *(name for name in SHARES if name in shown.columns))),
        "cv_threshold" if plan.prices.two else "cv_single": (best(judged, plan.singles), ("cost", "low", "high")),
        "cv_review": ("review", ("cost", "low", "high", "ratio", "difference", "difference_low", "difference_high")),
    }
    ends = {"low": "cost_low", "high": "cost_high"}
    found = {
        f"{prefix}_{ends.get(column, column)}": float(shown[column][name])
        for prefix, (name, columns) in named.items()
        for column in columns
    }
    return found | saved.recorded("cv_saving")


def _trivial(judged: pd.DataFrame) -> list[str]:
    return [name for name in judged["policy"].unique() if name not in get_args(PolicyName)]


def _said(part: pd.DataFrame, plan: Plan) -> Answers:
    """Return what a model said, from its columns; of a number, the median of its distribution is its value."""
    said, quantiles = of(predictions.array(part, "probability"), plan.classes), predictions.array(part, "quantiles")
    if not quantiles.shape[1]:
        return said
    return replace(said, value=np.median(quantiles, axis=1), distribution=quantiles)


def _reference(judged: pd.DataFrame, plan: Plan) -> str:
    """Return the cheapest of `Plan.singles`, or the cheapest trivial policy if that costs less."""
    return best(judged, (*plan.singles, *_trivial(judged)))


def _costs(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the cost a decision by fold (rows) and policy (columns)."""
    return judged.pivot(index=["repeat", "fold"], columns="policy", values="cost")


def _interval(costs: pd.Series) -> Interval:
    return student(costs.to_numpy(dtype=np.float64), int(costs.index.get_level_values("fold").max()) + 1)
