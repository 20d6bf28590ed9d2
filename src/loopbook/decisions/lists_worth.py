"""What lists are worth, from lists that others have shown: off-policy value of policies, a contextual bandit's too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.decisions import lists_study, off_policy
from loopbook.decisions.bandit import Bandit
from loopbook.decisions.lists_study import BLOCK, OWN, POPULAR, Places, Study
from loopbook.models.ranking import interactions
from loopbook.scenario.errors import DataError
from loopbook.statistics import bootstrap, examination
from loopbook.statistics.intervals import Interval

LOGGED = "as logged"


@dataclass(frozen=True, eq=False)
class Worth:
    """The worth of lists by the log of a study."""

    study: Study

    def bandit(self, known: pd.DataFrame, most: int = 1_000) -> Places:
        """Return the lists of a contextual bandit (LinUCB) that has learned from clicks on lists before.

        Its features are the scores of the ranker's parts. What it does not know yet of a combination counts in its
        favour, so it explores there where it may learn something.

        Parameters
        ----------
        known
            Rows of lists before, with a place.
        most
            Lists among them that it learns from, at most.
        """
        if self.study.looked is None:
            raise DataError("The examination of places is not known, so clicks teach a bandit nothing of relevance.")
        past = {moment.shown: moment for moment in lists_study.moments(known, known.iloc[:0], most)}
        theta, numbers = examination.at(self.study.looked, known["place"].fillna(1)), self.study.listing.shelf.numbers
        shown = known.assign(theta=theta, number=known["item"].map(numbers))
        shown = shown[shown["shown"].isin(past) & shown["place"].notna()]
        learned = Bandit.start(np.zeros(len(self.study.listing.ranker.parts) + 1))
        for name, own in shown.groupby("shown"):
            (features,) = self._features([past[str(name)].taken])
            learned = learned.learn(features[own["number"]], own["theta"], own["label"])
        return self.study.made(
            self.study.listing, lambda asked: np.clip(learned.ucb(self._features(asked)), 1e-4, 1 - 1e-4)
        )

    def _features(self, histories: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Return the standardised scores of the ranker's parts, and a constant, for all items, [q, I, d]."""
        asked = interactions.of_histories(histories, dict(self.study.listing.shelf.numbers))
        each = self.study.listing.ranker.each(asked)
        return np.stack([*each.values(), np.ones((len(histories), len(self.study.listing.shelf.items)))], axis=2)

    def worth(self, more: Mapping[str, Places] | None = None) -> pd.DataFrame:
        """Return what the policies' lists are worth, from lists that others have shown (`off_policy`).

        Parameters
        ----------
        more
            Lists of further policies, by name.

        Returns
        -------
        DataFrame
            Index ``policy``; ``estimator, value, low, high`` in clicks a list, ``support``, and ``truth`` where the
            world is simulated.

        Raises
        ------
        DataError
            If the log has no propensities, or the examination of places is not known.
        """
        logged, order = self._log
        clicks = np.nansum(logged.clicks, axis=1)
        found: list[dict[str, Any]] = [
            {
                **{"policy": LOGGED, "estimator": "clicks", "support": 1.0},
                **bootstrap.mean(clicks, logged.groups, 1_000, 0)._asdict(),
                "truth": self._value(logged.items, order),
            }
        ]
        for name, made in {**self.study.policies, **(more or {})}.items():
            table = off_policy.value(self._terms(made), logged.groups)
            real = self._value(made[order], order)
            for estimator in off_policy.ESTIMATORS:
                ends = dict(zip(("value", "low", "high"), table.loc[estimator, ["value", "low", "high"]], strict=True))
                support = table.loc["support", "value"]
                found.append({"policy": name, "estimator": estimator, **ends, "support": support, "truth": real})
        columns = ["estimator", "value", "low", "high", "support", "truth"]
        return pd.DataFrame(found).set_index("policy")[columns]

    def gain(self, estimator: str = "doubly_robust") -> Interval:
        """Return by how many clicks a list the agent's lists are worth more than popularity's, paired.

        Raises
        ------
        DataError
            As of `worth`.
        """
        apart = self._terms(self.study.policies[OWN]) - self._terms(self.study.policies[POPULAR])
        table = off_policy.value(apart, self._log[0].groups)
        return Interval(*table.loc[estimator, ["value", "low", "high"]].astype(float))

    @cached_property
    def _log(self) -> tuple[off_policy.Log, NDArray[np.intp]]:
        """The lists that were shown at the moments, and which moment each is of."""
        if self.study.looked is None:
            raise DataError("The examination of places is not known, so what other lists were worth cannot be told.")
        judged = {moment.shown for moment in self.study.moments}
        rows = self.study.rows[self.study.rows["shown"].isin(judged)].sort_values("time", kind="stable")
        logged = off_policy.log(rows, self.study.listing.shelf.items)
        return logged, pd.Index([moment.shown for moment in self.study.moments]).get_indexer(pd.Index(logged.shown))

    def _terms(self, made: Places) -> pd.DataFrame:
        """Return what each logged list says of the list of its moment (`off_policy.terms`)."""
        (logged, order), looked = self._log, self.study.looked
        assert looked is not None, "a log is only read where it is known"
        theta = looked["value"].to_numpy(np.float64)
        long = max(made.shape[1], logged.items.shape[1])
        theta = np.pad(theta, (0, max(0, long - len(theta))), mode="edge")
        expected = (_at(self._expected, logged.items), _at(self._expected, made[order]))
        return off_policy.terms(logged, made[order], theta, expected)

    @cached_property
    def _expected(self) -> NDArray[np.float32]:
        """The ranker's relevance of all items for each logged list, [n, I]."""
        asked = [self.study.moments[at].taken for at in self._log[1]]
        block = max(1, BLOCK // len(self.study.listing.shelf.items))
        parts = [self.study.listing.relevance(asked[at : at + block]) for at in range(0, len(asked), block)]
        return np.concatenate(parts).astype(np.float32)

    def _value(self, made: Places, order: NDArray[np.intp]) -> float:
        """Return what lists of moments are truly worth, in clicks a list; NaN: nobody knows."""
        if self.study.truth is None:
            return np.nan
        from loopbook.simulation.shop.truth import EXAMINATION

        seen = np.pad(EXAMINATION, (0, made.shape[1]))[: made.shape[1]]
        return float((_at(self.study.truth[order], made) @ seen).mean())


def _at(relevance: NDArray[Any], made: Places) -> NDArray[np.float64]:
    """Return the relevance of what stands at each place, 0 where nothing does."""
    found = np.take_along_axis(relevance, np.maximum(made, 0), axis=1)
    return np.where(made >= 0, found, 0.0).astype(np.float64)
