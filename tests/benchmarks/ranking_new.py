"""New users and new items: rankers on the simulated book shop, cut once by time, by segment, with intervals.

    python -m tests.benchmarks.ranking_new --worlds 1

Rankers are fitted on what was shown before the cut, and rank all books in stock for every reader who opens one later.
Judged three times: on clicks on the shop's own lists, which go by popularity, so that popularity is hard to beat (the
usual published protocol); on clicks on lists drawn uniformly after the same cut, which favour nobody and are few; and
on the true relevance of all books, which only a simulation knows. Intervals are over readers; `gain` is paired with
popularity, of the same readers. ``blind`` is the mix without text, and so without towers.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from loopbook.data.features import Features
from loopbook.models.encoders import sentence_encoder
from loopbook.models.ranking import evaluation, ranker_fit
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.source import ShopSource
from loopbook.scenario.task import Ranking, YesNo
from loopbook.scenario.training import TrainingSettings
from loopbook.simulation.shop import world
from loopbook.statistics import ranking

CUT = 0.8
FIELDS = {"title": "text", "blurb": "text", "author": "category", "pages": "number"}
PARTS = ("popularity", "recent", "rate", "item_knn", "ease", "als", "content", "two_tower", "click")
RANKERS = {
    **{name: (name,) for name in PARTS},
    "blind": ("popularity", "recent", "rate", "item_knn", "ease", "als"),
    "mix": PARTS,
}


def uniform(visits: world.Visits, rng: np.random.Generator) -> world.Lists:
    """Return lists drawn uniformly from what may be shown."""
    keys = np.where(visits.allowed, rng.random(visits.allowed.shape), -1)
    books = np.argsort(-keys, axis=1)[:, :10]
    left = visits.allowed.sum(axis=1, keepdims=True) - np.arange(10)
    return world.Lists(books, 1 / left)


def canonical(shop: world.Shop) -> pd.DataFrame:
    """Return the log in the form that stages exchange."""
    names = {"reader": "query", "book": "item", "clicked": "label", "list": "shown"}
    rows = shop.rows.rename(columns=names).merge(shop.items, left_on="item", right_on="book", suffixes=("", "_book"))
    return rows.assign(weight=np.float32(1), group=rows["query"]).sort_values("time", kind="stable", ignore_index=True)


def one(seed: int, cache: Path) -> None:
    """Fit all rankers on a world's log before the cut and print how they are judged."""
    settings = ShopSource(kind="shop", seed=seed)
    day = int(settings.days * CUT)
    shop = world.simulate(settings)
    own, even = canonical(shop), canonical(world.simulate(settings, uniform, day))
    start = own["time"].min().normalize() + pd.Timedelta(days=day)
    train, after = own[own["time"] < start], {"own lists": own[own["time"] >= start]}
    after["uniform lists"] = even[even["time"] >= start]
    task = Ranking(
        type="ranking", fields=FIELDS, query="reader", item="book", label=YesNo(column="clicked", positive=(1,))
    )
    training = TrainingSettings(candidates={"any": Candidate(architecture="majority")})
    scenario = Scenario(name="shop", title="Shop", description="Shop.", task=task, source=settings, training=training)
    features = Features.fit(train, scenario)
    every = pd.concat([train, *after.values()])
    items = every.drop_duplicates("item").sort_values("item", ignore_index=True)
    words = (items["title"] + " " + items["blurb"]).tolist()
    vectors: NDArray[Any] = sentence_encoder.embed(words, cache)
    rankers = {}
    for name, parts in RANKERS.items():
        fitted = ranker_fit.fit(features, train, train["label"], train["weight"], {part: {} for part in parts}, cache)
        rankers[name] = fitted.over(features, items, cache)
        print(f"world {seed}: {name} fitted", flush=True)
    number = {name: at for at, name in enumerate(shop.items["book"])}
    books = items["item"].map(number).to_numpy()
    middle = (day + settings.days) // 2
    stock, relevance = shop.truth.stock(middle)[books], shop.truth.relevance(np.arange(len(shop.users)), books, middle)
    relevance = pd.DataFrame(np.where(stock, relevance, 0), index=shop.users["reader"])
    new = ~items["item"].isin(train.loc[train["label"] == 1, "item"])
    for lists, test in after.items():
        took = test[test["label"] == 1]
        strangers = ~took["query"].isin(train.loc[train["label"] == 1, "query"])
        print(
            f"\nworld {seed}, {lists} after the cut: {len(took):,} clicks of {took['query'].nunique()} readers, "
            f"{strangers.mean():.1%} of new readers, {took['item'].isin(items.loc[new, 'item']).mean():.1%} on the "
            f"{new.sum()} of {len(items)} books that nobody had opened"
        )
        found = evaluation.full(rankers, train, test, items, allowed=stock, vectors=vectors)
        show(found)
        true(found, relevance, train, new.to_numpy())


def show(found: evaluation.Evaluation) -> None:
    """Print NDCG@10 of all readers and of each segment, and what lists are besides."""
    table = found.table[(found.table["clicks"] == evaluation.RAW) & (found.table["metric"] == "ndcg")]
    segments = found.segments[found.segments["metric"] == "ndcg"]
    every = pd.concat([table.assign(segment="all"), segments])
    gains = found.paired("popularity")
    for name in RANKERS:
        cells = [
            f"{row['segment']} {row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
            for _, row in every[every["ranker"] == name].iterrows()
        ]
        more = found.beyond.loc[name]
        gain = "" if name == "popularity" else f"gain {-gains.loc[name, 'value']:+.3f} "
        gain += "" if not gain else f"({-gains.loc[name, 'high']:+.3f} to {-gains.loc[name, 'low']:+.3f})"
        print(
            f"{name:11} {' · '.join(cells)} · {gain} coverage {more['coverage']:.2f} diversity {more['diversity']:.2f}"
        )
    print(f"(NDCG@{ranking.AT}, {len(found.users)} readers)", flush=True)


def true(found: evaluation.Evaluation, relevance: pd.DataFrame, train: pd.DataFrame, new: NDArray[np.bool_]) -> None:
    """Print NDCG@10 of the same lists by the true relevance of each book that the reader has not opened."""
    place, column = ({name: at for at, name in enumerate(names)} for names in (found.users, found.items))
    gains = relevance.loc[list(found.users)].to_numpy(np.float32, copy=True)
    known = train[(train["label"] == 1) & train["query"].isin(place)]
    gains[known["query"].map(place), known["item"].map(column)] = 0
    novice = pd.Series(~pd.Index(found.users).isin(known["query"]))
    first = None
    for name, lists in found.lists.items():
        whole = ranking.by_user(lists, csr_array(gains))[["ndcg"]]
        first = whole if first is None else first
        parts = {"all": whole, "new users": whole.where(novice)}
        parts["new items"] = ranking.by_user(lists, csr_array(gains * new))[["ndcg"]]
        cells = [
            f"{part} {row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
            for part, each in parts.items()
            for _, row in ranking.scores(each).iterrows()
        ]
        gain = ranking.paired(whole["ndcg"], first["ndcg"])
        print(f"  true: {name:11} {' · '.join(cells)} · gain {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="folder of sentence embeddings that are known already")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.worlds):
            one(seed, given.cache or Path(folder))
