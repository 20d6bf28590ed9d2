"""Compare policies in money: what each would have cost on the same rows, with the same people to ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions import costs
from loopbook.decisions.policies import Policy
from loopbook.decisions.replay import Outcome, replay
from loopbook.scenario.decisions import Costs, DecisionsSettings
from loopbook.scenario.errors import DataError, suggest
from loopbook.statistics import resampling


class Difference(NamedTuple):
    """A difference with its 95 % interval."""

    value: float
    low: float
    high: float


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
    """

    outcomes: Mapping[str, Outcome]
    label: NDArray[np.int64]
    groups: ArrayLike | None
    resamples: int
    seed: int

    def table(self, reference: str) -> pd.DataFrame:
        """Return one row a policy, indexed by its name.

        Parameters
        ----------
        reference
            The policy against which the others are held.

        Returns
        -------
        DataFrame
            `cost`, `low`, `high`: cost a decision with its 95 % interval. `difference`, `difference_low`,
            `difference_high`: cost minus the reference's, paired (below 0 is cheaper). `ratio`: cost over the
            reference's. `acts`, `reviews`, `review_share`, `refused` (reviews for which there was no time),
            `precision` (of what was carried out), `recall`, `accuracy`; NaN where there is nothing to divide by.
        """
        self._known(reference)
        names = list(self.outcomes)
        values = np.column_stack([outcome.cost for outcome in self.outcomes.values()])
        drawn = resampling.means(values, self.groups, self.resamples, self.seed)
        apart = drawn - drawn[:, [names.index(reference)]]
        mean = values.mean(axis=0)
        base = mean[names.index(reference)]
        rows = []
        for at, (name, outcome) in enumerate(self.outcomes.items()):
            low, high = np.quantile(drawn[:, at], [0.025, 0.975])
            less, more = np.quantile(apart[:, at], [0.025, 0.975])
            quality = _quality(outcome, self.label)
            rows.append(
                {
                    "policy": name,
                    "cost": mean[at],
                    "low": low,
                    "high": high,
                    "difference": mean[at] - base,
                    "difference_low": less,
                    "difference_high": more,
                    "ratio": mean[at] / base if base > 0 else np.nan,
                    **quality,
                }
            )
        return pd.DataFrame(rows).set_index("policy")

    def saving(self, policy: str, against: str) -> Difference:
        """Return what `policy` costs less a decision than `against`, with the paired 95 % interval."""
        self._known(policy)
        self._known(against)
        saved = (self.outcomes[against].cost - self.outcomes[policy].cost)[:, None]
        drawn = resampling.means(saved, self.groups, self.resamples, self.seed)
        low, high = np.quantile(drawn, [0.025, 0.975])
        return Difference(float(saved.mean()), float(low), float(high))

    def ratio(self, policy: str, against: str) -> float:
        """Return the cost of `policy` over that of `against`; NaN where the latter costs nothing."""
        own, base = (float(self.outcomes[name].cost.mean()) for name in (policy, against))
        return own / base if base > 0 else np.nan

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
    return Judged(outcomes, frame["label"].to_numpy(dtype=np.int64), groups, resamples, seed)


def drawable(table: pd.DataFrame, times: float = 5) -> pd.DataFrame:
    """Return the policies that cost at most `times` as much as the middle one: what is far dearer hides the others."""
    kept: pd.DataFrame = table[table["cost"] <= times * max(table["cost"].median(), 0)]
    return kept if len(kept) > 1 else table


def hindsight(label: ArrayLike, probability: ArrayLike, prices: Costs) -> float:
    """Return the cost a decision of the threshold that would have been best on these very rows.

    A bound, not a policy: nobody could have known it.
    """
    return costs.cheapest(label, probability, prices, resamples=0).cost


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
