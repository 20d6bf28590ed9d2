"""Compare policies in money: what each would have cost on the same rows, with the same people to ask."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions import building, thresholds
from loopbook.decisions.building import Plan
from loopbook.decisions.costs import CostMatrix
from loopbook.decisions.policies import Constant, Policy
from loopbook.decisions.replay import Outcome, replay
from loopbook.models import answers
from loopbook.models.answers import Answers
from loopbook.scenario.errors import DataError, suggest
from loopbook.statistics import baselines, bootstrap, metrics, targets
from loopbook.statistics.intervals import Interval

Floats = NDArray[np.float64]
ASK = "ask, else"
"""What the names of trivial policies begin with that ask about the rows that come first, whichever they are."""
_MOST_CONSTANTS = 10  # of many actions, those are tried always that would have been cheapest on train


@dataclass(frozen=True)
class Judged:
    """Policies replayed on the same rows.

    Attributes
    ----------
    outcomes
        By policy.
    truth
        What the costs depend on, [n] (`Plan.truth`).
    prices
        The cost matrix.
    groups
        Group of each row [n]; resamples draw whole groups.
    resamples, seed
        Of the bootstrap. All policies share each resample, so that differences are paired.
    trivial
        What becomes of the same rows without a model (`trivial`).
    """

    outcomes: Mapping[str, Outcome]
    truth: NDArray[Any]
    prices: CostMatrix
    groups: ArrayLike | None
    resamples: int
    seed: int
    trivial: Mapping[str, Outcome] = field(default_factory=dict)

    def table(self, reference: str) -> pd.DataFrame:
        """Return one row a policy, indexed by its name.

        Parameters
        ----------
        reference
            The policy against which the others are held.

        Returns
        -------
        DataFrame
            `cost`, `low`, `high`: cost a decision with its 95% interval. `difference`, `difference_low`,
            `difference_high`: cost minus the reference's, paired (below 0 is cheaper). `ratio`: cost over the
            reference's. `acts`, `reviews`, `review_share`, `refused` (reviews for which there was no time),
            `accuracy`, and of two classes `precision` (of what was carried out) and `recall`, else `macro_f1`; NaN
            where there is nothing to divide by.
        """
        self._known(reference)
        names = list(self.outcomes)
        values = np.column_stack([outcome.cost for outcome in self.outcomes.values()])
        drawn = bootstrap.means(values, self.groups, self.resamples, self.seed)
        apart = drawn - drawn[:, [names.index(reference)]]
        count = bootstrap.units(len(values), self.groups)
        mean = values.mean(axis=0)
        base = mean[names.index(reference)]
        rows = []
        for at, (name, outcome) in enumerate(self.outcomes.items()):
            cost = bootstrap.percentile(mean[at], drawn[:, at], count)
            difference = bootstrap.percentile(mean[at] - base, apart[:, at], count)
            rows.append(
                {
                    "policy": name,
                    "cost": cost.value,
                    "low": cost.low,
                    "high": cost.high,
                    "difference": difference.value,
                    "difference_low": difference.low,
                    "difference_high": difference.high,
                    "ratio": cost.value / base if base > 0 else np.nan,
                    **self._quality(outcome),
                }
            )
        return pd.DataFrame(rows).set_index("policy")

    def saving(self, policy: str) -> tuple[Interval, str]:
        """Return what `policy` costs less a decision than the cheapest trivial policy on these rows, and which that is.

        The 95% interval is paired, and each resample has its own cheapest one (`baselines.gain`).
        """
        return self._gain(policy, lambda outcome: baselines.mean(-outcome.cost))

    def figures(self, policy: str) -> dict[str, float | str]:
        """Return flat numbers to record: what `policy` gains over the best trivial one, in money and informedness.

        The gain in informedness is that of two classes; of several there is informedness itself, of the actions against
        those that would have been cheapest.
        """
        saved, over = self.saving(policy)
        found: dict[str, float | str] = {**saved.recorded("saving_per_decision")}
        should = self.prices.should(self.truth)
        if self.prices.two:

            def informed(outcome: Outcome) -> baselines.Scored:
                return baselines.metric("informedness", should, outcome.action)

            found |= self._gain(policy, informed)[0].recorded("informedness_gain")
        done = _said(self.outcomes[policy].action, self.prices)
        return {**found, "saving_over": over, "informedness": metrics.score("informedness", should, done)}

    def _gain(
        self,
        policy: str,
        scored: Callable[[Outcome], baselines.Scored],
        against: Mapping[str, Outcome] | None = None,
    ) -> tuple[Interval, str]:
        self._known(policy)
        others = {name: scored(outcome) for name, outcome in (against or self.trivial).items()}
        own = scored(self.outcomes[policy])
        return baselines.gain(own, others, len(self.truth), self.groups, self.resamples, self.seed)

    def asking(self, single: str) -> tuple[Interval, str, float]:
        """Return what asking a person saves a decision, over what, and its cost over that of the latter.

        That is the cheapest on these rows of the single threshold (or such) that validation chose and of what needs no
        model: else people who know the answer would make any model look as if it knew where to ask.
        """
        others = {single: self.outcomes[single], **self.trivial}
        saved, over = self._gain("review", lambda outcome: baselines.mean(-outcome.cost), others)
        base = float(others[over].cost.mean())
        return saved, over, (base - saved.value) / base if base > 0 else np.nan

    def best(self, names: Sequence[str]) -> str:
        """Return the cheapest of some policies; of equally cheap ones the first."""
        known = [name for name in names if name in self.outcomes]
        return min(known, key=lambda name: float(self.outcomes[name].cost.mean()))

    def _quality(self, outcome: Outcome) -> dict[str, float]:
        return {
            "acts": int(self.prices.acts(outcome.action).sum()),
            "reviews": int(outcome.reviewed.sum()),
            "review_share": float(outcome.reviewed.mean()),
            "refused": int(outcome.refused.sum()),
            **quality(outcome.action, self.truth, self.prices),
        }

    def _known(self, name: str) -> None:
        if name not in self.outcomes:
            raise DataError(f"There is no policy {name!r} to compare with.{suggest(name, self.outcomes)}")


def judge(
    policies: Mapping[str, Policy],
    frame: pd.DataFrame,
    said: ArrayLike | Answers,
    plan: Plan,
    trivial: Mapping[str, Outcome] | None = None,
    *,
    resamples: int = 1_000,
    seed: int = 0,
) -> Judged:
    """Replay policies on rows on which nothing was chosen.

    Parameters
    ----------
    policies
        By name.
    frame
        Rows with the task's fields, `row_id`, `label` and, if known, `time` and `group`.
    said
        The model's answers, or its probabilities alone.
    plan
        Costs and review capacity.
    trivial
        What the gains of `Judged.saving` are over; None: they are not asked for.

    Raises
    ------
    DataError
        If there are no rows or no policies.
    """
    if not len(frame) or not policies:
        raise DataError("There is nothing to compare: no rows, or no policies.")
    said = answers.of(said, plan.classes)
    outcomes = {name: replay(policy, frame, said, plan) for name, policy in policies.items()}
    groups = frame["group"].to_numpy() if "group" in frame.columns else None
    return Judged(outcomes, plan.truth(frame["label"]), plan.prices, groups, resamples, seed, trivial or {})


def trivial(
    train: pd.DataFrame,
    validation: pd.DataFrame,
    frame: pd.DataFrame,
    plan: Plan,
    segments: Sequence[str],
    verdicts: Mapping[str, int] | None = None,
) -> dict[str, Outcome]:
    """Replay what needs no model: always the same action, asking as time allows, and each segment's shares of classes.

    By shares one decides as by probabilities: by what is cheapest expected and, of two classes, with the threshold that
    is cheapest on validation; and asking where validation says that it pays. So an agent whose model is no more than
    such a share gains nothing over them.

    Parameters
    ----------
    train
        Rows with `label`, from which a segment's shares are learned.
    validation
        Rows with `label`, on which the policies are built.
    frame, verdicts
        As in `replay`.
    plan
        Its costs, people's time and actions count; its rules do not.
    segments
        Columns whose values are segments.
    """
    prices, truth, nothing = plan.prices, plan.truth(validation["label"]), np.zeros((len(frame), 1))
    free = replace(plan, settings=plan.settings.model_copy(update={"threshold": None}), approved_threshold=None)
    policies: dict[str, tuple[Policy, ArrayLike | Answers]] = {}
    for name, action in constants(plan, train).items():
        policies[name] = Constant(actions=plan.actions, action=action), nothing
        policies[f"{ASK} {name}"] = Constant(actions=plan.actions, action=action, review=True), nothing
    if not prices.functions:
        taught = train.assign(
            label=pd.Categorical.from_codes(plan.truth(train["label"]).astype(np.int64), pd.Index(plan.classes))
        )
        known, here = (baselines.answers(taught, rows, segments) for rows in (validation, frame))
        for name in (f"by {column} alone" for column in segments if f"by {column} alone" in known):
            policies[name] = building.single(free), here[name]
            if prices.two:
                policies[f"{name}, tuned"] = building.tuned(plan, truth, known[name]), here[name]
            policies[f"{name}, asking"] = building.asking(plan, truth, known[name]), here[name]
    return {name: replay(policy, frame, said, plan, verdicts) for name, (policy, said) in policies.items()}


def constants(plan: Plan, train: pd.DataFrame) -> dict[str, int]:
    """Return what is the same for each row, by name: the actions, of many those that were cheapest on train."""
    if plan.prices.two:
        return {"always no": 0, "always yes": 1}
    spent = plan.prices.by_row(plan.truth(train["label"])).mean(axis=0)
    return {f"always {plan.actions[at]}": int(at) for at in np.sort(np.argsort(spent, kind="stable")[:_MOST_CONSTANTS])}


def drawable(table: pd.DataFrame, times: float = 5) -> pd.DataFrame:
    """Return the policies that cost at most `times` as much as the middle one: what is far dearer hides the others."""
    kept: pd.DataFrame = table[table["cost"] <= times * max(table["cost"].median(), 0)]
    return kept if len(kept) > 1 else table


def hindsight(truth: ArrayLike, said: ArrayLike | Answers, prices: CostMatrix) -> dict[str, float]:
    """Return the cost a decision of the threshold that would have been best on these very rows; only of two classes.

    A bound, not a policy: nobody could have known it.
    """
    return {"hindsight_cost": thresholds.cheapest(truth, answers.of(said).shown, prices).cost} if prices.two else {}


def quality(action: ArrayLike, truth: ArrayLike, prices: CostMatrix) -> dict[str, float]:
    """Return how good actions are against those that would have been cheapest.

    Returns
    -------
    dict
        Of two classes `precision` (of what was acted on), `recall` and `accuracy`; of several `accuracy` and
        `macro_f1`. NaN where there is nothing to divide by.
    """
    done, should, nothing = np.asarray(action), prices.should(truth), float("nan")
    accuracy = float((done == should).mean()) if len(done) else nothing
    if not prices.two:
        f1 = metrics.score("macro_f1", should, _said(done, prices)) if len(done) else nothing
        return {"accuracy": accuracy, "macro_f1": f1}
    right, acts, positive = float(((done == 1) & (should == 1)).sum()), (done == 1).sum(), (should == 1).sum()
    return {
        "precision": right / float(acts) if acts else nothing,
        "recall": right / float(positive) if positive else nothing,
        "accuracy": accuracy,
    }


def _said(action: ArrayLike, prices: CostMatrix) -> Floats:
    """Return actions as answers to be scored: certain of each, [n, a]; of two [n]."""
    return targets.narrow(np.eye(len(prices.actions))[np.asarray(action)])
