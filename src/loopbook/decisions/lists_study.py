"""Lists judged: how good a run's lists are for whom others were shown, and what it costs to show more items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.decisions import lists
from loopbook.decisions.listing import Listing
from loopbook.models.ranking import evaluation
from loopbook.models.ranking.ranker import Progress
from loopbook.scenario.source import ShopSource
from loopbook.statistics import bootstrap, ranking
from loopbook.statistics.intervals import NOTHING, Interval

if TYPE_CHECKING:
    from loopbook.scenario.contract import Scenario
    from loopbook.scenario.lists import ListsSettings

Places = NDArray[np.int64]
BUDGETS = (0.0, 0.005, 0.01, 0.02, 0.05)
"""Shares of NDCG that lists may give up, compared."""
POPULAR, WORTH, OWN = "popularity", "by worth alone", "the agent's lists"
BLOCK = 4_000_000
"""Relevances in memory at a time."""


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
    def truth(self) -> NDArray[np.float64] | None:
        """How probable it truly is that each judged list's user opens what they look at, [q, I]; None: nobody knows."""
        source = self.scenario.source
        if not isinstance(source, ShopSource):
            return None
        from loopbook.simulation.shop import truth as shop

        world = shop.truth(source)
        readers, books = (pd.Index(names) for names in (world.users["reader"], world.books.items["book"]))
        number, start = books.get_indexer(pd.Index(self.listing.shelf.items)), pd.Timestamp(source.start, tz="UTC")
        user = readers.get_indexer(pd.Index([moment.user for moment in self.moments]))
        if min(*number, *user) < 0:  # of others than the world's own nothing is known
            return None
        days = [(moment.time - start).days for moment in self.moments]
        return np.stack([world.relevance([who], number, day)[0] for who, day in zip(user, days, strict=True)])

    @cached_property
    def gains(self) -> Any:
        """What lists are judged by, a sparse matrix [q, I]: true relevance where it is known, else what was taken."""
        from scipy.sparse import csr_array

        if self.truth is None:
            return self.taken
        gains = self.truth.copy()
        for at, moment in enumerate(self.moments):
            gains[at, self.listing.shelf.known(moment.taken)] = 0
        return csr_array(gains)

    @cached_property
    def taken(self) -> Any:
        """Gains of what was taken of each judged list's user at or after its moment, a sparse matrix [q, I].

        A click has the gain that `evaluation.gains` gives it: plain clicks favour what was shown often.
        """
        from scipy.sparse import csr_array

        rows = self.rows[self.rows["label"] == 1].reset_index(drop=True)
        rows["gain"] = evaluation.gains(rows, None if self.looked is None else self.looked["value"])
        numbers, later = self.listing.shelf.numbers, dict(list(rows.groupby("query")))
        found: list[tuple[int, int, float]] = []
        for at, moment in enumerate(self.moments):
            if (own := later.get(moment.user)) is not None:
                after = own[own["time"] >= moment.time].drop_duplicates("item")
                found += [(at, numbers[item], much) for item, much in zip(after["item"], after["gain"], strict=True)]
        row, column, value = (np.array(part) for part in zip(*found, strict=True)) if found else (np.zeros(0, int),) * 3
        return csr_array((value.astype(np.float64), (row, column)), shape=(len(self.moments), len(numbers)))

    def made(self, listing: Listing, relevance: Callable[[Any], NDArray[Any]] | None = None) -> Places:
        """Return the list of each moment as numbers of items, int64 [q, places]; -1 where a list is shorter.

        Parameters
        ----------
        listing
            Makes them; nothing is left to chance.
        relevance
            Of all items for histories, [q, I]; None: the ranker's.
        """
        settings = listing.settings.model_copy(update={"exploration": 0.0})
        places, shelf = settings.places or listing.places, listing.shelf
        result = np.full((len(self.moments), places), -1)
        block = max(1, BLOCK // len(shelf.items))
        for start in range(0, len(self.moments), block):
            part = self.moments[start : start + block]
            said = (relevance or listing.relevance)([moment.taken for moment in part])
            for at, (moment, own) in enumerate(zip(part, said, strict=True), start):
                about = listing.users.get(moment.user, {})
                found = lists.compose(own, shelf, moment.taken, settings, "study", about, places)
                result[at, : len(found.items)] = [shelf.numbers[item] for item in found.items]
        return result

    def other(self, budget: float, progress: Progress = None, **settings: Any) -> Listing:
        """Return what makes lists with other settings, items priced anew where there is another budget."""
        listing = self.listing
        more = listing.settings.model_copy(update={"ndcg_budget": budget, **settings})
        found = replace(listing, settings=more)
        return found if budget in (0, listing.settings.ndcg_budget) else found.priced(len(self.moments), progress)

    @cached_property
    def policies(self) -> Mapping[str, Places]:
        """The lists of three policies for each moment: popularity, worth alone, and the agent's own."""
        plain = self.other(0.0, diversity=0.0)
        share = self.popularity / max(float(self.popularity.max(initial=0)), 1.0)
        return {
            POPULAR: self.made(plain, lambda asked: np.broadcast_to(share, (len(asked), len(share)))),
            WORTH: self.made(plain),
            OWN: self.made(self.listing),
        }

    def kept(self, made: Places) -> Interval:
        """Return the NDCG of lists as a share of that by worth alone, the same users drawn for both."""
        pair = [ranking.by_user(found, self.gains)["ndcg"] for found in (made, self.policies[WORTH])]
        values = np.column_stack(pair)
        known, users = ~np.isnan(values).any(axis=1), np.array([moment.user for moment in self.moments])
        if not known.any():
            return NOTHING
        own, plain = bootstrap.means(values[known], users[known], 1_000, 0).T
        value = float(values[known, 0].mean() / values[known, 1].mean())
        return bootstrap.percentile(value, own / plain, bootstrap.units(known.sum(), users[known]))

    def coverage(self, made: Places) -> float:
        """Return the share of the items that stand in lists."""
        return float((ranking.exposure(made, len(self.listing.shelf.items)) > 0).mean())

    def trade_off(self, progress: Progress = None) -> pd.DataFrame:
        """Return what more items in lists cost, beside diversity: index ``budget``, the agent's own among them.

        Returns
        -------
        DataFrame
            ``kept, low, high``: NDCG as a share of that by worth alone; ``gain``: coverage by the same, less 1;
            ``gini`` of exposure; ``diversity`` within a list.
        """
        found, plain = [], self.coverage(self.policies[WORTH])
        for budget in sorted({*BUDGETS, self.settings.ndcg_budget}):
            made = self.made(self.other(budget, progress))
            exposed = ranking.exposure(made, len(self.listing.shelf.items))
            diverse = float(np.nanmean(ranking.diversity(made, self.listing.shelf.vectors)))
            gain = self.coverage(made) / plain - 1
            found.append((budget, *self.kept(made), gain, ranking.gini(exposed), diverse))
        columns = ["budget", "kept", "low", "high", "gain", "gini", "diversity"]
        return pd.DataFrame(found, columns=columns).set_index("budget")
