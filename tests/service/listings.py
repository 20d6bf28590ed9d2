"""Lists for tests of the service: thirty books, forty readers, popularity and item-kNN, a scenario of a ranking."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from tests.service.serving import scenario as loaded

from loopbook.decisions.listing import Listing
from loopbook.models.ranking import interactions, scorers
from loopbook.models.ranking.mix import equal
from loopbook.models.ranking.ranker import Ranker, hashes
from loopbook.scenario.contract import Scenario
from loopbook.scenario.lists import ListsSettings
from loopbook.scenario.requirements import RequirementsSettings
from loopbook.scenario.task import Ranking

BOOKS, READERS = 30, 40


@cache
def scenario() -> Scenario:
    """Return a scenario whose agent makes lists of readers, whose names are personal data."""
    found = loaded("clinic-triage")
    task = Ranking(type="ranking", query="reader", item="book", fields={"title": "text"}, places=5)
    settings = ListsSettings(title="title", exploration=0.2)
    studies = found.studies.model_copy(update={"lists": settings})
    source = found.source.model_copy(update={"personal": ("reader",)})
    own = {"task": task, "studies": studies, "source": source, "requirements": RequirementsSettings()}
    return found.model_copy(update=own)


@cache
def items() -> pd.DataFrame:
    return pd.DataFrame(
        {"item": [f"b{at}" for at in range(BOOKS)], "title": [f"<b>Book</b> {at}" for at in range(BOOKS)]}
    )


def rows(seed: int = 1) -> pd.DataFrame:
    """Return what readers were shown and took: readers of even numbers take books of even numbers."""
    random = np.random.default_rng(seed)
    reader, book = random.integers(0, READERS, 2_000), random.integers(0, BOOKS, 2_000)
    label = (random.random(2_000) < 0.4) & (reader % 2 == book % 2)
    time = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(2_000), unit="min")
    names = [f"r{at}" for at in reader]
    return pd.DataFrame({"query": names, "item": [f"b{at}" for at in book], "label": label.astype(int), "time": time})


@cache
def ranker() -> Ranker:
    """Return a mix of popularity and item-kNN of what was taken."""
    table = rows()
    taken = table[table["label"] == 1]
    users = sorted(set(taken["query"]))
    order = np.argsort(hashes(users))
    place = {users[at]: number for number, at in enumerate(order)}
    pairs = [place[user] for user in taken["query"]], [int(book[1:]) for book in taken["item"]]
    history = interactions.matrix(*pairs, (len(users) + 1, BOOKS))
    parts: dict[str, scorers.Scorer] = {
        "popularity": scorers.popularity(history),
        "item_knn": scorers.item_knn(history),
    }
    counts = np.bincount(history.indices, minlength=BOOKS)
    names = tuple(items()["item"])
    none = np.zeros(0, dtype=bool)
    return Ranker(names, counts, np.sort(hashes(users)), history, parts, equal(list(parts)), 1.0, -2.0, none)


@cache
def listing() -> Listing:
    vectors = np.random.default_rng(2).normal(0, 1, (BOOKS, 8))
    return Listing.of(scenario(), ranker(), items(), vectors, rows(), "v1")
