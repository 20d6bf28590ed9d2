"""Lists for users: the ranker, the shelf and what each user took, joined, as notebook 14 and a service use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.decisions import list_prices, lists
from loopbook.decisions.lists import ListDecision
from loopbook.decisions.shelf import Shelf
from loopbook.models.ranking import interactions
from loopbook.models.ranking.ranker import Ranker
from loopbook.store import content

if TYPE_CHECKING:
    from loopbook.scenario.contract import Scenario
    from loopbook.scenario.lists import ListsSettings

SPLITS = ("train", "validation", "test", "gate", "stream")
"""Splits of a run, whose rows say what users took until the run was made."""
VECTORS = "vectors"
_USERS = 1_000  # by whose lists items are priced, at most


@dataclass(frozen=True, eq=False)
class Listing:
    """What makes lists.

    Attributes
    ----------
    ranker
        Gives the relevance of each item for a history, without TensorFlow.
    shelf
        The same items in the same order, as `lists.compose` needs them.
    settings
        The scenario's ``studies.lists``.
    places
        Of a list, where the settings name no number.
    version
        Of what decides, part of the coin: another version draws anew.
    histories
        What each user took, oldest first.
    users
        What is known of users, for rules.
    """

    ranker: Ranker
    shelf: Shelf
    settings: ListsSettings
    places: int
    version: str
    histories: Mapping[str, tuple[str, ...]]
    users: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        ranker: Ranker,
        items: pd.DataFrame,
        vectors: NDArray[Any],
        rows: pd.DataFrame,
        version: str,
    ) -> Self:
        """Return what makes lists after some rows.

        Parameters
        ----------
        scenario
            Its task is a ranking, and it has ``studies.lists``.
        items
            The artifact ``items``.
        vectors
            What makes items alike, a row for each of `ranker.items`.
        rows
            What is known until then: what was shown, and what was taken.
        version
            Of what decides.
        """
        settings, task = scenario.studies.lists, scenario.task
        assert settings is not None, "only a scenario with lists makes any"
        known = (
            items.drop_duplicates("item")
            .set_index("item")
            .reindex(list(ranker.items))
            .rename_axis("item")
            .reset_index()
        )
        taken = rows[rows["label"] == 1].sort_values("time", kind="stable")
        counts = np.asarray(taken["item"].value_counts().reindex(ranker.items, fill_value=0), dtype=np.float64)
        shelf = Shelf.of(known, settings, vectors, counts, ranker.together())
        histories = {str(user): tuple(own) for user, own in taken.groupby("query")["item"]}
        about = [name for name in _about(settings) if name in rows]
        users: Any = rows.drop_duplicates("query", keep="last").set_index("query")[about].to_dict("index")
        return cls(ranker, shelf, settings, getattr(task, "places", 10), version, histories, users)

    @classmethod
    def load(cls, scenario: Scenario, artifact: Callable[[str], Path]) -> Self:
        """Return what makes lists after all rows of a run, from the artifacts that its notebooks have written."""
        folder = artifact("ranker")
        wanted = ["query", "item", "label", "time", *_about(scenario.studies.lists)]
        rows = pd.concat([_rows(artifact(name), wanted) for name in SPLITS], ignore_index=True)
        arrays, version = content.load(folder / f"{VECTORS}.npz"), content.digest(folder)
        made = cls.of(scenario, Ranker.load(folder), content.load(artifact("items")), arrays[VECTORS], rows, version)
        return replace(made, shelf=replace(made.shelf, prices=arrays["prices"]))

    def save(self, folder: Path) -> Path:
        """Write what `load` reads besides the run's other artifacts."""
        folder.mkdir(parents=True, exist_ok=True)
        self.ranker.save(folder)
        content.save({VECTORS: self.shelf.vectors.astype(np.float16), "prices": self.shelf.prices}, folder / VECTORS)
        return folder

    def priced(self, many: int, progress: Callable[[str], object] | None = None) -> Self:
        """Return what makes lists with prices of items, so that more of them stand in some of so many lists.

        The prices are found on lists of known users; within ``ndcg_budget``, of which nothing is spent if it is 0.
        """
        settings, shelf = self.settings, self.shelf
        users = [
            sorted(self.histories)[at] for at in np.random.default_rng(0).permutation(len(self.histories))[:_USERS]
        ]
        if not settings.ndcg_budget or not users:
            return replace(self, shelf=replace(shelf, prices=np.zeros(len(shelf.items))))
        worth = np.full((len(users), len(shelf.items)), -np.inf, dtype=np.float32)
        for at, user in enumerate(users):
            (relevance,) = self.relevance([self.taken(user)])
            worth[at] = lists.worths(relevance, shelf, self.taken(user), settings, self.users.get(user, {}))
        found = list_prices.prices(worth, settings.places or self.places, many, settings.ndcg_budget, progress)
        return replace(self, shelf=replace(shelf, prices=found))

    def taken(self, user: str) -> tuple[str, ...]:
        """Return what a user took, oldest first; nothing of one who is not known."""
        return self.histories.get(user, ())

    def relevance(self, histories: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Return how probable it is that each item is taken after histories, at the first place, float64 [q, I]."""
        from scipy.special import expit

        asked = interactions.of_histories(histories, self.ranker.position)
        return np.asarray(expit(self.ranker.logits(asked).astype(np.float64)))

    def make(self, user: str, history: Sequence[str], day: object, places: int | None = None) -> ListDecision:
        """Return the list of a user on a day; the same for the same user, history, day and version."""
        (relevance,) = self.relevance([history])
        toss = f"{user} {day} {self.version}"
        about, many = self.users.get(user, {}), places or self.settings.places or self.places
        return lists.compose(relevance, self.shelf, history, self.settings, toss, about, many)


def _rows(path: Path, wanted: Sequence[str]) -> pd.DataFrame:
    import pyarrow.parquet as pq

    there = set(pq.read_schema(path).names)
    return pd.read_parquet(path, columns=[name for name in wanted if name in there])


def _about(settings: ListsSettings | None) -> list[str]:
    """Return the columns of users that rules look at."""
    rules = () if settings is None else settings.rules.values()
    return sorted({limit for rule in rules for limit in (rule.above, rule.below) if isinstance(limit, str)})
