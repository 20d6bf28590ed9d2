"""Compare policies in money: what each would have cost on the same rows, with the same people to ask."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions import building, costs
from loopbook.decisions.building import Plan
from loopbook.decisions.policies import Policy, Review, Threshold
from loopbook.decisions.replay import Outcome, replay
from loopbook.scenario.decisions import Costs, DecisionsSettings
from loopbook.scenario.errors import DataError, suggest
from loopbook.statistics import baselines, bootstrap
from loopbook.statistics.intervals import Interval

ASK = "ask, else"
"""What the names of trivial policies begin with that ask about the rows that come first, whichever they are."""
CONSTANT = ("always no", "always yes")
"""The trivial answers that are the same for each row."""


@dataclass(frozen=True)
class Judged:
    """Policies replayed on the same rows.

    Attributes
    ----------
    outcomes
        By policy.
    label
        0 or 1 [n].
    groups
        Group of each row [n]; resamples draw whole groups.
    resamples, seed
        Of the bootstrap. All policies share each resample, so that differences are paired.
    trivial
        What becomes of the same rows without a model (`trivial`).
    """

    outcomes: Mapping[str, Outcome]
    label: NDArray[np.int64]
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
            `precision` (of what was carried out), `recall`, `accuracy`; NaN where there is nothing to divide by.
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
                    **_quality(outcome, self.label),
                }
            )
        return pd.DataFrame(rows).set_index("policy")

    def saving(self, policy: str) -> tuple[Interval, str]:
        """Return what `policy` costs less a decision than the cheapest trivial policy on these rows, and which that is.

        The 95% interval is paired, and each resample has its own cheapest one (`baselines.gain`).
        """
        return self._gain(policy, lambda outcome: baselines.mean(-outcome.cost))

    def figures(self, policy: str) -> dict[str, float | str]:
        """Return flat numbers to record: what `policy` gains over the best trivial one, in money and informedness."""
        (saved, *ends), over = self.saving(policy)

        def informed(outcome: Outcome) -> baselines.Scored:
            return baselines.metric("informedness", self.label, outcome.acted)

        (more, *apart), _ = self._gain(policy, informed)
        names = ("saving_per_decision", "informedness_gain")
        found = dict(
            zip(
                (f"{name}{end}" for name in names for end in ("", "_low", "_high")),
                (saved, *ends, more, *apart),
                strict=True,
            )
        )
        here = float(informed(self.outcomes[policy])(np.ones((1, len(self.label))))[0])
        return {**found, "saving_over": over, "informedness": here}

    def _gain(
        self,
        policy: str,
        scored: Callable[[Outcome], baselines.Scored],
        against: Mapping[str, Outcome] | None = None,
    ) -> tuple[Interval, str]:
        self._known(policy)
        others = {name: scored(outcome) for name, outcome in (against or self.trivial).items()}
        own = scored(self.outcomes[policy])
        return baselines.gain(own, others, len(self.label), self.groups, self.resamples, self.seed)

    def asking(self, threshold: str) -> tuple[Interval, str, float]:
        """Return what asking a person saves a decision, over what, and its cost over that of the latter.

        That is the cheapest on these rows of the single threshold that validation chose and of what needs no model:
        else people who know the answer would make any model look as if it knew where to ask.
        """
        others = {threshold: self.outcomes[threshold], **self.trivial}
        saved, over = self._gain("review", lambda outcome: baselines.mean(-outcome.cost), others)
        base = float(others[over].cost.mean())
        return saved, over, (base - saved.value) / base if base > 0 else np.nan

    def best(self, names: Sequence[str]) -> str:
        """Return the cheapest of some policies; of equally cheap ones the first."""
        known = [name for name in names if name in self.outcomes]
        return min(known, key=lambda name: float(self.outcomes[name].cost.mean()))

    def _known(self, name: str) -> None:
        if name not in self.outcomes:
            raise DataError(f"There is no policy {name!r} to compare with.{suggest(name, self.outcomes)}")


def judge(
    policies: Mapping[str, Policy],
    frame: pd.DataFrame,
    probability: ArrayLike,
    settings: DecisionsSettings,
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
    probability
        The model's probability, float [n].
    trivial
        What the gains of `Judged.saving` are over; None: they are not asked for.

    Raises
    ------
    DataError
        If there are no rows or no policies.
    """
    if not len(frame) or not policies:
        raise DataError("There is nothing to compare: no rows, or no policies.")
    p = np.asarray(probability, dtype=np.float64)
    outcomes = {name: replay(policy, frame, p, settings) for name, policy in policies.items()}
    groups = frame["group"].to_numpy() if "group" in frame.columns else None
    return Judged(outcomes, frame["label"].to_numpy(dtype=np.int64), groups, resamples, seed, trivial or {})


def trivial(
    train: pd.DataFrame,
    validation: pd.DataFrame,
    frame: pd.DataFrame,
    plan: Plan,
    segments: Sequence[str],
    verdicts: Mapping[str, bool] | None = None,
) -> dict[str, Outcome]:
    """Replay what needs no model: always or never acting, asking as time allows, and each segment's share of yes.

    By a share one decides as by a probability: with the threshold that the costs say, with the one that is cheapest on
    validation, and asking where validation says that it pays. So an agent whose model is no more than such a share
    gains nothing over them.

    Parameters
    ----------
    train
        Rows with `label`, from which a segment's share of yes is learned.
    validation
        Rows with `label`, on which the policies are built.
    frame, verdicts
        As in `replay`.
    plan
        Its costs, people's time and actions count; its rules do not.
    segments
        Columns whose values are segments.
    """
    settings, actions = plan.settings, plan.task.actions
    plain = Threshold(actions=actions, threshold=costs.threshold(settings.costs), origin="the cost matrix")
    blind = Review(actions=actions, threshold=plain.threshold, low=-1, high=2, origin=plain.origin)
    policies: dict[str, tuple[Policy, str]] = {}
    known, answers = (baselines.answers(train, rows, segments) for rows in (validation, frame))
    for name, share in known.items():
        policies[name] = plain, name
        if name in CONSTANT:
            policies[f"{ASK} {name}"] = blind, name
        else:
            policies[f"{name}, tuned"] = building.tuned(plan, validation["label"], share), name
            policies[f"{name}, asking"] = building.asking(plan, validation["label"], share), name
    return {
        label: replay(policy, frame, answers[name], settings, verdicts) for label, (policy, name) in policies.items()
    }


def drawable(table: pd.DataFrame, times: float = 5) -> pd.DataFrame:
    """Return the policies that cost at most `times` as much as the middle one: what is far dearer hides the others."""
    kept: pd.DataFrame = table[table["cost"] <= times * max(table["cost"].median(), 0)]
    return kept if len(kept) > 1 else table


def hindsight(label: ArrayLike, probability: ArrayLike, prices: Costs) -> float:
    """Return the cost a decision of the threshold that would have been best on these very rows.

    A bound, not a policy: nobody could have known it.
    """
    return costs.cheapest(label, probability, prices).cost


def _quality(outcome: Outcome, label: NDArray[np.int64]) -> dict[str, float]:
    positive = label == 1
    right, acts = float((outcome.acted & positive).sum()), float(outcome.acted.sum())
    return {
        "acts": int(acts),
        "reviews": int(outcome.reviewed.sum()),
        "review_share": float(outcome.reviewed.mean()),
        "refused": int(outcome.refused.sum()),
        "precision": right / acts if acts else np.nan,
        "recall": right / positive.sum() if positive.any() else np.nan,
        "accuracy": float((outcome.acted == positive).mean()),
    }
