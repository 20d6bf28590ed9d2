"""A small simulated book shop for tests of lists: canonical rows before and after a day, and a study of the later."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from loopbook.decisions import lists_study
from loopbook.decisions.listing import Listing
from loopbook.decisions.lists_study import Study
from loopbook.models.ranking import interactions, scorers
from loopbook.models.ranking.mix import equal
from loopbook.models.ranking.ranker import Ranker, hashes
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.scenario.lists import ListsSettings
from loopbook.scenario.source import ShopSource
from loopbook.scenario.task import Ranking
from loopbook.simulation.shop import world
from loopbook.statistics import examination

SCENARIOS = Path(__file__).resolve().parents[2] / "notebooks" / "scenarios"
SOURCE = ShopSource(kind="shop", lists=3_000, readers=150, books=80, days=60, exploration=0.5)
CUT = pd.Timestamp(SOURCE.start, tz="UTC") + pd.Timedelta(days=40)
NAMES = {"list": "shown", "reader": "query", "book": "item", "clicked": "label"}


@cache
def scenario() -> Scenario:
    """Return a scenario of the shop's lists."""
    found = loading.load("clinic-triage", SCENARIOS, "smoke")
    task = Ranking(type="ranking", query="reader", item="book", fields={"title": "text"})
    studies = found.studies.model_copy(update={"lists": ListsSettings(title="title")})
    return found.model_copy(update={"task": task, "studies": studies, "source": SOURCE})


@cache
def shop() -> world.Shop:
    return world.simulate(SOURCE)


@cache
def rows() -> pd.DataFrame:
    """Return what the shop has shown, as notebook 02 lays it out."""
    table = shop().rows.rename(columns=NAMES)
    ids = table["shown"] + "-" + table["place"].astype(str)
    return table.assign(row_id=ids, group=table["query"], weight=np.float32(1))


def fitted(table: pd.DataFrame, items: list[str]) -> Ranker:
    """Return popularity and item-kNN of what was taken."""
    taken = table[table["label"] == 1]
    users = sorted(set(taken["query"]))
    place = {users[at]: number for number, at in enumerate(np.argsort(hashes(users)))}
    book = pd.Index(items).get_indexer(pd.Index(taken["item"]))
    history = interactions.matrix([place[user] for user in taken["query"]], book, (len(users) + 1, len(items)))
    parts: dict[str, scorers.Scorer] = {
        "popularity": scorers.popularity(history),
        "item_knn": scorers.item_knn(history),
    }
    counts = np.bincount(history.indices, minlength=len(items))
    return Ranker(
        tuple(items),
        counts,
        np.sort(hashes(users)),
        history,
        parts,
        equal(list(parts)),
        *(0.5, -2.0),
        beside=np.zeros(0, dtype=bool),
    )


@cache
def study(most: int = 400) -> Study:
    """Return the study of the days from `CUT` on, by what was learnt before."""
    table, items = rows(), shop().items.rename(columns={"book": "item"})
    known, later = table[table["time"] < CUT], table[table["time"] >= CUT]
    truth = shop().truth.books
    vectors = np.eye(40)[truth.subject] + 0.5 * np.eye(40)[20 + truth.mood]
    ranker = fitted(known, list(items["item"]))
    listing = Listing.of(scenario(), ranker, items, vectors, known, "v1")
    looked = examination.estimate(known["place"], known["label"], known["item"], known["shown"])
    return Study(scenario(), listing, later, lists_study.moments(later, known, most), looked)
