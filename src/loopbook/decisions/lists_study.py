"""Lists judged: what a run's lists would have been worth where others were shown, and what diversity costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.decisions import lists, off_policy
from loopbook.decisions.bandit import Bandit
from loopbook.decisions.listing import Listing
from loopbook.models.ranking import interactions
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import ShopSource
from loopbook.statistics import bootstrap, examination, ranking
from loopbook.statistics.intervals import Interval

if TYPE_CHECKING:
    from loopbook.scenario.contract import Scenario
    from loopbook.scenario.lists import ListsSettings

Places = NDArray[np.int64]
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5)
"""Weights of diversity that are compared."""
LOGGED, POPULAR, WORTH, OWN = "as logged", "popularity", "by worth alone", "the agent's lists"
_COUNTED = 20  # lists after which it is counted anew what is rare
_BLOCK = 4_000_000  # relevances in memory at a time


@dataclass(frozen=True, eq=False)
class Moment:
    """A list that was shown: to whom, when, and what that user had taken until then, oldest first."""

    shown: str
    user: str
    time: pd.Timestamp
    taken: tuple[str, ...]


def moments(rows: pd.DataFrame, known: pd.DataFrame, most: int, seed: int = 0) -> tuple[Moment, ...]:
    """Return lists of rows, evenly drawn if there are more than `most`, each with what was known at its moment.

    Parameters
    ----------
    rows
        Rows with `shown`, `query`, `item`, `time` and `label`.
    known
        Rows before them.
    """
    first = rows.drop_duplicates("shown").sort_values("time", kind="stable")
    drawn = np.random.default_rng(seed).permutation(len(first))[:most]
    wanted = set(first["shown"].iloc[np.sort(drawn)])
    events = pd.concat([known, rows], ignore_index=True).sort_values("time", kind="stable")
    taken: dict[str, list[str]] = {}
    found: dict[str, Moment] = {}
    for shown, own in events.groupby("shown", sort=False):
        user, time = str(own["query"].iloc[0]), own["time"].iloc[0]
        if shown in wanted:
            found[str(shown)] = Moment(str(shown), user, time, tuple(taken.get(user, ())))
        taken.setdefault(user, []).extend(own.loc[own["label"] == 1, "item"])
    return tuple(found.values())


@dataclass(frozen=True, eq=False)
class Study:
    """What is to be judged.

    Attributes
    ----------
    scenario
        Has lists.
    listing
        Over the rows before those that judge.
    rows
        Those that judge: lists that were shown.
    moments
        Of the lists among them that are judged.
    looked
        Examination by place, from rows before; None: not known.
    """

    scenario: Scenario
    listing: Listing
    rows: pd.DataFrame
    moments: tuple[Moment, ...]
    looked: pd.DataFrame | None

    @property
    def settings(self) -> ListsSettings:
        return self.listing.settings

    @cached_property
    def popularity(self) -> NDArray[np.float64]:
        """How often each item was taken before, float64 [I]."""
        counts = pd.Series(
            [item for own in self.listing.histories.values() for item in own], dtype="str"
        ).value_counts()
        return np.asarray(counts.reindex(self.listing.ranker.items, fill_value=0), dtype=np.float64)

    @cached_property
    def taken(self) -> Any:
        """Gains of what was taken of each judged list's user at or after its moment, a sparse matrix [q, I].

        A click counts 1 / (examination · propensity) where both are known, at most as much as 99 % of them do: a list
        that popularity made shows popular items more often, so plain clicks favour them.

        References
        ----------
        Yang et al. (2018), Unbiased offline recommender evaluation for missing-not-at-random implicit feedback.
        """
        from scipy.sparse import csr_array

        rows = self.rows[self.rows["label"] == 1].reset_index(drop=True)
        gain = np.ones(len(rows))
        if self.looked is not None and len(rows) and rows["propensity"].notna().all():
            place = np.minimum(rows["place"].astype(int), len(self.looked)) - 1
            gain = 1 / (self.looked["value"].to_numpy()[place].clip(1e-3) * rows["propensity"].to_numpy(np.float64))
            gain = np.minimum(gain, np.quantile(gain, 0.99))
        numbers = self.listing.shelf.numbers
        later = dict(list(rows.assign(gain=gain).groupby("query")))
        found: list[tuple[int, int, float]] = []
        for at, moment in enumerate(self.moments):
            own = later.get(moment.user)
            if own is not None:
                after = own[own["time"] >= moment.time].drop_duplicates("item")
                found += [
                    (at, numbers[item], float(much)) for item, much in zip(after["item"], after["gain"], strict=True)
                ]
        row, column, value = (np.array(part) for part in zip(*found, strict=True)) if found else (np.zeros(0, int),) * 3
        return csr_array((value.astype(np.float64), (row, column)), shape=(len(self.moments), len(numbers)))

    def made(self, settings: ListsSettings, relevance: Callable[[Any], NDArray[Any]] | None = None) -> Places:
        """Return the list of each moment as numbers of items, int64 [q, places]; -1 where a list is shorter.

        Parameters
        ----------
        settings
            Of the lists.
        relevance
            Of all items for histories, [q, I]; None: the ranker's.
        """
        places = settings.places or self.listing.places
        shelf, result = self.listing.shelf, np.full((len(self.moments), places), -1)
        block = max(1, _BLOCK // len(shelf.items))
        for start in range(0, len(self.moments), block):
            part = self.moments[start : start + block]
            said = (relevance or self.listing.relevance)([moment.taken for moment in part])
            for at, (moment, own) in enumerate(zip(part, said, strict=True), start):
                if settings.floor and at and at % _COUNTED == 0:  # what is rare changes while lists are made
                    shelf = shelf.shown(ranking.exposure(result[:at], len(shelf.items)), settings)
                toss, about = f"{moment.user} {moment.time} study", self.listing.users.get(moment.user, {})
                found = lists.compose(own, shelf, moment.taken, settings, toss, about, places)
                result[at, : len(found.items)] = [shelf.numbers[item] for item in found.items]
        return result

    @cached_property
    def policies(self) -> Mapping[str, Places]:
        """The lists of three policies for each moment: popularity, worth alone, and the agent's own."""
        plain = self.settings.model_copy(update={"diversity": 0.0, "exploration": 0.0, "floor": 0.0})
        share = self.popularity / max(float(self.popularity.max(initial=0)), 1.0)
        own = self.settings.model_copy(update={"exploration": 0.0})
        return {
            POPULAR: self.made(plain, lambda asked: np.broadcast_to(share, (len(asked), len(share)))),
            WORTH: self.made(plain),
            OWN: self.made(own),
        }

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
        if self.looked is None:
            raise DataError("The examination of places is not known, so clicks teach a bandit nothing of relevance.")
        past = {moment.shown: moment for moment in moments(known, known.iloc[:0], most)}
        theta, numbers = examination.at(self.looked, known["place"].fillna(1)), self.listing.shelf.numbers
        shown = known.assign(theta=theta, number=known["item"].map(numbers))
        shown = shown[shown["shown"].isin(past) & shown["place"].notna()]
        learned = Bandit.start(np.zeros(len(self.listing.ranker.parts) + 1))
        for name, own in shown.groupby("shown"):
            (features,) = self._features([past[str(name)].taken])
            learned = learned.learn(features[own["number"]], own["theta"], own["label"])
        settings = self.settings.model_copy(update={"exploration": 0.0})
        return self.made(settings, lambda asked: np.clip(learned.ucb(self._features(asked)), 1e-4, 1 - 1e-4))

    def _features(self, histories: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Return the standardised scores of the ranker's parts, and a constant, for all items, [q, I, d]."""
        asked = interactions.of_histories(histories, dict(self.listing.shelf.numbers))
        each = self.listing.ranker.each(asked)
        return np.stack([*each.values(), np.ones((len(histories), len(self.listing.shelf.items)))], axis=2)

    def cost(self) -> dict[str, Any]:
        """Return what the agent's lists give up and gain against lists by worth alone.

        Returns
        -------
        dict
            ``ndcg`` of the agent's lists as a share of the others', ``coverage`` as a share, and ``change`` of NDCG,
            an interval, paired.
        """
        own, plain = (ranking.by_user(self.policies[name], self.taken)["ndcg"] for name in (OWN, WORTH))
        count = len(self.listing.shelf.items)
        shown, before = ((ranking.exposure(self.policies[name], count) > 0).mean() for name in (OWN, WORTH))
        kept = float(own.mean() / plain.mean())
        return {"ndcg": kept, "coverage": float(shown / before), "change": ranking.paired(own, plain)}

    def trade_off(self) -> pd.DataFrame:
        """Return what diversity costs: by its weight NDCG with its interval, coverage, diversity within a list.

        Returns
        -------
        DataFrame
            Index ``weight``; ``ndcg, low, high``, ``change`` of it against weight 0 with ``change_low`` and
            ``change_high`` (paired), ``coverage``, ``gini``, ``diversity``.
        """
        found, base = [], None
        for weight in WEIGHTS:
            update = {"diversity": weight, "exploration": 0.0, "floor": 0.0}
            made = self.made(self.settings.model_copy(update=update))
            each = ranking.by_user(made, self.taken)[["ndcg"]]
            base = each if base is None else base
            change = ranking.paired(each["ndcg"], base["ndcg"])
            exposed = ranking.exposure(made, len(self.listing.shelf.items))
            score = ranking.scores(each).loc["ndcg"]
            found.append(
                {
                    **{"weight": weight, "ndcg": score["value"], "low": score["low"], "high": score["high"]},
                    **dict(zip(("change", "change_low", "change_high"), change, strict=True)),
                    **{"coverage": float((exposed > 0).mean()), "gini": ranking.gini(exposed)},
                    "diversity": float(np.nanmean(ranking.diversity(made, self.listing.shelf.vectors))),
                }
            )
        return pd.DataFrame(found).set_index("weight")

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
        truth = self._truth(order)
        found: list[dict[str, Any]] = [
            {
                **{"policy": LOGGED, "estimator": "clicks", "support": 1.0},
                **bootstrap.mean(clicks, logged.groups, 1_000, 0)._asdict(),
                "truth": float(np.nanmean(truth(logged.items))) if truth else np.nan,
            }
        ]
        for name, made in {**self.policies, **(more or {})}.items():
            table = off_policy.value(self._terms(made), logged.groups)
            real = float(truth(made[order]).mean()) if truth else np.nan
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
        apart = self._terms(self.policies[OWN]) - self._terms(self.policies[POPULAR])
        table = off_policy.value(apart, self._log[0].groups)
        return Interval(*table.loc[estimator, ["value", "low", "high"]].astype(float))

    @cached_property
    def _log(self) -> tuple[off_policy.Log, NDArray[np.intp]]:
        """The lists that were shown at the moments, and which moment each is of."""
        if self.looked is None:
            raise DataError("The examination of places is not known, so what other lists were worth cannot be told.")
        judged = {moment.shown for moment in self.moments}
        rows = self.rows[self.rows["shown"].isin(judged)].sort_values("time", kind="stable")
        logged = off_policy.log(rows, self.listing.shelf.items)
        return logged, pd.Index([moment.shown for moment in self.moments]).get_indexer(pd.Index(logged.shown))

    def _terms(self, made: Places) -> pd.DataFrame:
        """Return what each logged list says of the list of its moment (`off_policy.terms`)."""
        (logged, order), looked = self._log, self.looked
        assert looked is not None, "a log is only read where it is known"
        theta = looked["value"].to_numpy(np.float64)
        long = max(made.shape[1], logged.items.shape[1])
        theta = np.pad(theta, (0, max(0, long - len(theta))), mode="edge")
        expected = (_at(self._expected, logged.items), _at(self._expected, made[order]))
        return off_policy.terms(logged, made[order], theta, expected)

    @cached_property
    def _expected(self) -> NDArray[np.float32]:
        """The ranker's relevance of all items for each logged list, [n, I]."""
        asked = [self.moments[at].taken for at in self._log[1]]
        block = max(1, _BLOCK // len(self.listing.shelf.items))
        parts = [self.listing.relevance(asked[at : at + block]) for at in range(0, len(asked), block)]
        return np.concatenate(parts).astype(np.float32)

    def _truth(self, order: NDArray[np.intp]) -> Callable[[Places], NDArray[np.float64]] | None:
        """Return what lists are truly worth, each for the user and day of its moment; None: nobody knows."""
        source = self.scenario.source
        if not isinstance(source, ShopSource):
            return None
        from loopbook.simulation.shop import truth as shop

        world = shop.truth(source)
        readers = {name: at for at, name in enumerate(world.users["reader"])}
        books = {name: at for at, name in enumerate(world.books.items["book"])}
        number = np.array([books[item] for item in self.listing.shelf.items])
        start = pd.Timestamp(source.start, tz="UTC")
        asked = [self.moments[at] for at in order]

        def value(made: Places) -> NDArray[np.float64]:
            found = np.zeros(len(made))
            for at, (moment, own) in enumerate(zip(asked, made, strict=True)):
                kept = own[own >= 0][: shop.PLACES]
                day = (moment.time - start).days
                found[at] = world.value([readers[moment.user]], number[kept][None], day)[0]
            return found

        return value


def _at(relevance: NDArray[np.float32], made: Places) -> NDArray[np.float64]:
    """Return the relevance of what stands at each place, 0 where nothing does."""
    found = np.take_along_axis(relevance, np.maximum(made, 0), axis=1)
    return np.where(made >= 0, found, 0.0).astype(np.float64)
