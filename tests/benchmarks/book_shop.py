"""Which lists serve the readers of the simulated book shop? Rankers, diversity, off-policy value, loop and bandit.

    OMP_NUM_THREADS=1 python tests/benchmarks/book_shop.py --worlds 5
    OMP_NUM_THREADS=1 python tests/benchmarks/book_shop.py --worlds 20 --only off_policy --parts rate,ease,content

Simulated worlds with 30,000 lists, 800 readers, 400 books, 90 days; half of the shop's own draws are uniform, the
others by popularity. All is learned from its lists before day 60, what is judged comes after. Clicks on lists that
popularity made favour popularity (even the true relevance loses to it there), so rankers are judged twice: by the
clicks on lists that the same shop fills uniformly after day 60, and by true relevance as gain on day 75. New books are
those that come out after day 60.

`rankers`: NDCG@10 of all books out by day 75 that the reader has not opened; the mix against each of its parts and
against itself without texts, paired over the readers of all worlds. New books by their gains alone in the full
ranking, and among themselves. `diverse`: a day's lists by worth alone and with diversity and prices of books, which
were chosen in worlds 101 to 106. `off_policy`: the value of the lists of popularity and the mix on the lists logged
after day 60, examination estimated from the log before, against the truth. `loop`: three rounds of 10 days in which the
ranker's own lists are what it learns from next, as served (diversity, prices, exploration), by worth alone, and without
learning again. `bandit`: Thompson sampling and LinUCB on the mix's features against the mix, from day 60 in the
simulation, and off-policy.
Intervals: bootstrap over readers where they are paired, else Student's t over worlds. Times are not judged.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.special import expit

from loopbook.decisions import off_policy
from loopbook.decisions.bandit import Bandit
from loopbook.decisions.list_prices import prices
from loopbook.decisions.lists import compose, worths
from loopbook.decisions.shelf import Shelf
from loopbook.models.encoders import sentence_encoder
from loopbook.models.ranking import interactions, ranker_fit
from loopbook.models.ranking.ranker import TEXT, Ranker
from loopbook.scenario.lists import ListsSettings
from loopbook.scenario.source import ShopSource
from loopbook.simulation.shop.truth import PLACES
from loopbook.simulation.shop.world import Lists, Policy, Visits, simulate
from loopbook.statistics import examination, intervals, ranking

CUT, MIDDLE, ROUND = 60, 75, 10
TEXTUAL = ("content", "two_tower", "click")
BASELINES = ("popularity", "recent", "item_knn", "ease", "als")
PARTS = "popularity,recent,rate,item_knn,ease,als,content,two_tower,click"
QUICK = ("recent", "rate", "ease", "content")
AXES = 8
PLAIN = ListsSettings(diversity=0.0, exploration=0.0)
DIVERSE = ListsSettings(diversity=0.05, ndcg_budget=0.01, exploration=0.0)
SERVED = DIVERSE.model_copy(update={"exploration": 0.1})
Array = np.ndarray


class World:
    """A seeded shop, its log until the cut, and rankers fitted to it."""

    def __init__(self, seed: int, cache: Path, parts: Sequence[str]) -> None:
        self.settings = ShopSource(kind="shop", seed=seed, lists=30_000, books=400, exploration=0.5)
        self.shop, self.parts = simulate(self.settings), tuple(parts)
        self.truth, self.books = self.shop.truth, self.settings.books
        texts = (self.shop.items["title"] + ". " + self.shop.items["blurb"]).tolist()
        self.vectors = sentence_encoder.embed(texts, cache)
        self.rows = numbered(self.shop.rows)
        self.before, self.after = (self.rows[mask] for mask in (self.rows.day < CUT, self.rows.day >= CUT))
        self.history = taken(self.before, self.settings)
        self.new = self.truth.books.published >= CUT
        self.everybody = np.arange(self.settings.readers)

    def fit(self, rows: pd.DataFrame, parts: Sequence[str]) -> Ranker:
        columns = (rows.reader, rows.book, rows.moment, rows.clicked.astype(float), np.ones(len(rows)), rows.place)
        log = ranker_fit.Log(*(column if isinstance(column, Array) else column.to_numpy() for column in columns),
                             (self.settings.readers, self.books))  # fmt: skip
        return ranker_fit.fit_log(
            log, self.shop.users["reader"], self.shop.items["book"], TEXT * self.vectors, {part: {} for part in parts}
        )

    @cached_property
    def mix(self) -> Ranker:
        return self.fit(self.before, self.parts)

    @cached_property
    def probability(self) -> Array:
        """Relevance as the mix sees it at the cut, [R, B]."""
        return np.asarray(expit(self.mix.logits(self.history).astype(np.float64)))

    @cached_property
    def popular(self) -> Array:
        """Popularity at the cut, for everybody, [R, B]."""
        age = 0.5 ** ((CUT - self.before.moment) / 14)
        score = np.bincount(self.before.book, self.before.clicked * age, self.books)
        return np.broadcast_to(score, (self.settings.readers, self.books))

    @cached_property
    def looked(self) -> Array:
        """Examination of places as the log before the cut tells it."""
        rows = self.before
        table = examination.estimate(rows["place"], rows["clicked"], rows["book"], rows["list"])
        return np.asarray(table["value"], dtype=np.float64)

    @cached_property
    def axes(self) -> Array:
        """The main axes of the books' texts, [B, AXES]."""
        return 5 * np.linalg.svd(self.vectors - self.vectors.mean(axis=0), full_matrices=False)[0][:, :AXES]

    @cached_property
    def uniform(self) -> csr_array:
        """Clicks after the cut in the shop that fills its lists uniformly, each by the examination of its place."""
        rows = numbered(simulate(self.settings, uniform, CUT).rows)
        return taken(rows[rows.day >= CUT], self.settings)

    @cached_property
    def gains(self) -> csr_array:
        """True relevance of what is on sale on the day of judgement and was not opened."""
        relevance = self.truth.relevance(self.everybody, np.arange(self.books), MIDDLE)
        relevance[:, ~self.truth.stock(MIDDLE)] = 0
        relevance[self.history.toarray() > 0] = 0
        return csr_array(relevance)

    def lists(self, scores: Array, among: Array | None = None) -> Array:
        """The ten best not opened, of all, or of those on sale on the day of judgement."""
        allowed = (self.history.toarray() == 0) & (True if among is None else among)
        order = np.argsort(np.where(allowed, -scores, np.inf), axis=1, kind="stable")[:, :PLACES]
        return np.where(np.take_along_axis(allowed, order, 1), order, -1)


def numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the shop's rows with readers and books as numbers, and days."""
    moment = (rows["time"] - pd.Timestamp("2026-01-01", tz="UTC")) / pd.Timedelta(days=1)
    number = {name: rows[name].str[1:].astype(np.int64) - 1 for name in ("reader", "book")}
    return rows.assign(**number, moment=moment, day=moment.astype(int), place=rows["place"].astype(np.int64))


def taken(rows: pd.DataFrame, settings: ShopSource) -> csr_array:
    own = rows[rows.clicked == 1]
    return interactions.matrix(own.reader, own.book, (settings.readers, settings.books), own.moment)


def uniform(visits: Visits, rng: np.random.Generator) -> Lists:
    order = np.argsort(np.where(visits.allowed, rng.random(visits.allowed.shape), 2), axis=1)[:, :PLACES]
    left = visits.allowed.sum(axis=1, keepdims=True) - np.arange(PLACES)
    return Lists(order, 1 / left)


def only(gains: csr_array, books: Array) -> csr_array:
    """The gains of some books alone."""
    found = csr_array(gains * books)
    found.eliminate_zeros()
    return found


def told(name: str, found: intervals.Interval, form: str = "+.4f") -> None:
    print(f"  {name:<52} {found.value:{form}} ({found.low:{form}} to {found.high:{form}})", flush=True)


def over(name: str, values: Sequence[float], form: str = ".3f") -> None:
    told(name, intervals.student(values), form)


def rankers(worlds: list[World]) -> None:
    each: dict[tuple[str, str], list[Array]] = {}
    for world in worlds:
        parts = {name: world.mix.parts[name].scores(world.history) for name in BASELINES if name in world.parts}
        known = [name for name in world.parts if name not in TEXTUAL]
        scores = {
            **parts,
            "mix": world.probability,
            "mix without text": world.fit(world.before, known).logits(world.history),
        }
        sale, out = world.truth.stock(MIDDLE), world.truth.books.published <= MIDDLE
        judged = {
            "clicks": (only(world.uniform, out), out),
            "truth": (world.gains, sale),
            "clicks, new among new": (only(world.uniform, out & world.new), out & world.new),
            "truth, new in full": (only(world.gains, world.new), sale),
            "truth, new among new": (only(world.gains, world.new), sale & world.new),
        }
        for measure, (gains, among) in judged.items():
            for name, score in scores.items():
                if "new" in measure and name in BASELINES[1:]:
                    continue  # they know nothing of new books: as popularity
                ndcg = ranking.by_user(world.lists(score, among), gains)["ndcg"].to_numpy()
                each.setdefault((measure, name), []).append(ndcg)
    for measure in dict.fromkeys(key[0] for key in each):
        print(f"NDCG@10 by {measure}")
        for name in [key[1] for key in each if key[0] == measure]:
            over(name, [float(np.nanmean(one)) for one in each[measure, name]])
            if name != "mix":
                gap = ranking.paired(np.concatenate(each[measure, "mix"]), np.concatenate(each[measure, name]))
                told(f"  the mix more than {name}", gap)
                if min(float(np.nanmean(one)) for one in each[measure, name]) > 0:
                    pairs = zip(each[measure, "mix"], each[measure, name], strict=True)
                    over(f"  the mix by {name}", [float(np.nanmean(a) / np.nanmean(b)) for a, b in pairs], ".2f")


def diverse(worlds: list[World]) -> None:
    rows = []
    for world in worlds:
        visits = world.settings.lists // world.settings.days
        readers = np.random.default_rng(world.settings.seed).permutation(world.settings.readers)[:visits]
        gains, sale = csr_array(world.gains.tocsr()[readers]), world.truth.stock(MIDDLE).sum()
        row: list[float] = []
        for settings in (PLAIN, DIVERSE):
            lists = composed(world, settings, readers)
            each = ranking.by_user(lists, gains)["ndcg"].mean(), len(np.unique(lists)) / sale
            row += [*each, float(ranking.diversity(lists, world.vectors).mean())]
        rows.append(row)
    plain, other = (np.array(rows).T[at : at + 3] for at in (0, 3))
    print("The diverse list against the plain one, on a day's lists, by truth")
    over("NDCG@10, plain", plain[0].tolist())
    over("  share of it that is given up", (1 - other[0] / plain[0]).tolist(), ".4f")
    over("coverage of the books on sale, plain", plain[1].tolist())
    over("  more, as a share of it", (other[1] / plain[1] - 1).tolist())
    over("diversity within a list, plain", plain[2].tolist())
    over("  more", (other[2] - plain[2]).tolist())


def priced(world: World, relevance: Array, gone: Array, lists: int, settings: ListsSettings) -> Shelf:
    """The shelf with prices of books, found on lists of everybody for whom it is not gone [R, B]."""
    shelf = Shelf.of(world.shop.items.rename(columns={"book": "item"}), settings, world.vectors)
    if not settings.ndcg_budget:
        return shelf
    each = [worths(own, shelf, shelf.items[out], settings, {}) for own, out in zip(relevance, gone, strict=True)]
    return replace(shelf, prices=prices(np.stack(each), PLACES, lists, settings.ndcg_budget))


def composed(world: World, settings: ListsSettings, readers: Array) -> Array:
    """The lists of some readers on the day of judgement, by prices for as many lists."""
    gone = (world.history.toarray() > 0) | ~world.truth.stock(MIDDLE)
    shelf = priced(world, world.probability, gone, len(readers), settings)
    lists = np.full((len(readers), PLACES), -1)
    for at, reader in enumerate(readers):
        out, told = shelf.items[gone[reader]], world.probability[reader]
        items = compose(told, shelf, out, settings, f"{reader}", places=PLACES).items
        lists[at, : len(items)] = [shelf.numbers[item] for item in items]
    return lists


def judged_lists(world: World, rows: pd.DataFrame, scores: Array) -> tuple[Array, Array, off_policy.Log]:
    """The lists that a ranker would have shown in place of those logged, what they are truly worth, and the log."""
    named = rows.assign(shown=rows["list"], item=rows["book"], label=rows["clicked"], group=rows["reader"])
    log = off_policy.log(named, np.arange(world.books))
    opened, start = world.history.toarray() > 0, rows.day.min()
    earlier = world.rows[(world.rows.day >= CUT) & (world.rows.day < start) & (world.rows.clicked == 1)]
    opened[earlier.reader, earlier.book] = True
    day = rows.drop_duplicates("list").day.to_numpy()
    lists, worth = np.zeros((len(day), PLACES), dtype=np.int64), np.zeros(len(day))
    for at in np.unique(day):
        here = np.flatnonzero(day == at)
        reader = log.groups[here].astype(int)
        allowed = world.truth.stock(int(at)) & ~opened[reader]
        lists[here] = np.argsort(np.where(allowed, -scores[reader], np.inf), axis=1)[:, :PLACES]
        worth[here] = world.truth.value(reader, lists[here], int(at))
        opened[np.repeat(reader, PLACES), log.items[here].ravel()] |= log.clicks[here].ravel() > 0
    return lists, worth, log


def estimated(
    world: World, rows: pd.DataFrame, scores: Array, looked: Array
) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    lists, worth, log = judged_lists(world, rows, scores)
    reader = log.groups.astype(int)[:, None]
    expected = np.clip(world.probability / looked.mean(), 0, 1)
    terms = off_policy.terms(log, lists, looked, (expected[reader, log.items], expected[reader, lists]))
    return terms, off_policy.value(terms, log.groups), float(worth.mean())


def off_policies(worlds: list[World]) -> None:
    rows = []
    for world in worlds:
        looked = world.looked
        found = {name: estimated(world, world.after, scores, looked)
                 for name, scores in (("popularity", world.popular), ("mix", world.probability))}  # fmt: skip
        gap = found["mix"][2] - found["popularity"][2]
        for name, (_, table, truth) in found.items():
            for estimator in off_policy.ESTIMATORS:
                value, low, high = table.loc[estimator]
                rows.append((name, estimator, truth, value, low <= truth <= high, (high - low) / gap))
    table = pd.DataFrame(rows, columns=["lists", "estimator", "truth", "value", "inside", "width by gap"])
    table["off"] = table["value"] - table["truth"]
    print(
        "Off-policy value in clicks a list: share of worlds with the truth inside, and the width by the gap of the two"
    )
    print(table.groupby(["lists", "estimator"], sort=False).mean().round(3).to_string())
    print("  most:", table.groupby(["lists", "estimator"], sort=False)["width by gap"].max().round(2).to_dict())


Rank = Callable[[Visits, np.random.Generator], Array]


def served(world: World, rank: Rank, settings: ListsSettings, shelves: Sequence[Shelf]) -> Policy:
    """The policy of composed lists by the relevance [v, B] that `rank` sees, on the last of some shelves."""

    def policy(visits: Visits, rng: np.random.Generator) -> Lists:
        relevance, shape = rank(visits, rng), (len(visits.readers), PLACES)
        books, chance, shelf = np.zeros(shape, dtype=np.int64), np.ones(shape), shelves[-1]
        for at, reader in enumerate(visits.readers):
            gone = shelf.items[~visits.allowed[at]]
            made = compose(relevance[at], shelf, gone, settings, f"{reader} {visits.day}", places=PLACES)
            books[at] = [shelf.numbers[item] for item in made.items]
            chance[at] = [place.propensity for place in made.places]
        return Lists(books, chance)

    return policy


WAYS = {"as served": (SERVED, True), "by worth alone": (PLAIN, True), "by worth, learned once": (PLAIN, False)}
STARTS = (CUT, CUT + ROUND, CUT + 2 * ROUND)


def loop(worlds: list[World]) -> None:
    kept: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in WAYS}
    for world in worlds:
        for name, (settings, refitted) in WAYS.items():
            days: list[pd.DataFrame] = []
            shelves: list[Shelf] = []
            own: list[Ranker] = []

            def rank(visits: Visits, _: object) -> Array:
                if not own or (refitted and visits.day in STARTS[1:]):  # noqa: B023
                    log = numbered(pd.concat(days)) if own else world.before  # noqa: B023
                    own.append(world.fit(log, QUICK))  # noqa: B023
                    past = taken(log, world.settings)  # noqa: B023
                    gone = (past.toarray() > 0) | ~world.truth.stock(visits.day)  # noqa: B023
                    seen = expit(own[-1].logits(past).astype(np.float64))  # noqa: B023
                    shelves.append(priced(world, seen, gone, len(visits.readers), settings))  # noqa: B023
                logits = own[-1].logits(csr_array(visits.opened.astype(np.float32)))  # noqa: B023
                return np.asarray(expit(logits.astype(np.float64)))

            rows = numbered(simulate(world.settings, served(world, rank, settings, shelves), CUT, days.append).rows)
            daily = rows.groupby("day").agg(
                books=("book", "nunique"), clicks=("clicked", "sum"), places=("place", "size")
            )
            daily["books"] /= [world.truth.stock(int(day)).sum() for day in daily.index]
            daily["clicks"] /= daily["places"] / PLACES
            rounds = [tuple(daily[["books", "clicks"]].loc[first : first + ROUND - 1].mean()) for first in STARTS]
            kept[name].append(rounds)
    print(f"Three rounds of {ROUND} days, each learned from the lists of those before ({', '.join(QUICK)})")
    for name, found in kept.items():
        for number in range(3):
            over(f"{name}, round {number + 1}: coverage of a day's lists", [one[number][0] for one in found])
            over(f"{name}, round {number + 1}: clicks a list", [one[number][1] for one in found])
        over(f"{name}: coverage of round 3 by round 1", [one[2][0] / one[0][0] for one in found])


def features(world: World, readers: Array, day: int) -> Array:
    """What the bandit reads of each reader and book, [v, B, d]: news, popularity, the text's main axes, the mix."""
    fresh = np.exp(-np.maximum(day - world.truth.books.published, 0) / 10.0)
    own = np.stack([np.ones(world.books), fresh, world.popular[0] / world.popular[0].max()], axis=1)
    shared = np.broadcast_to(np.hstack([own, world.axes]), (len(readers), world.books, 3 + AXES))
    mix = world.probability[readers][:, :, None] / world.looked.mean()
    return np.concatenate([shared, mix], axis=2)


START = Bandit.start([*np.zeros(3 + AXES), 1.0], sure=10.0)
"""Before its first click the bandit believes the mix."""


def bandits(worlds: list[World]) -> None:
    worth: dict[str, list[float]] = {}
    for world in worlds:
        looked = world.looked
        for name in ("mix", "linucb", "thompson"):
            known = [START]
            values: list[float] = []

            def heard(rows: pd.DataFrame, known: list[Bandit] = known, values: list[float] = values) -> None:
                own = numbered(rows)
                day, reader, book = int(own.day.iloc[0]), own.reader.to_numpy(), own.book.to_numpy()
                if day < CUT:
                    return
                x = features(world, reader[::PLACES], day)[np.arange(len(own)) // PLACES, book]  # noqa: B023
                known.append(known[-1].learn(x, looked[own.place - 1], own.clicked))  # noqa: B023
                shown = book.reshape(-1, PLACES)
                values.append(world.truth.value(reader[::PLACES], shown, day).mean())  # noqa: B023

            def rank(visits: Visits, rng: np.random.Generator, name: str = name, known: list[Bandit] = known) -> Array:
                x, bandit = features(world, visits.readers, visits.day), known[-1]  # noqa: B023
                by = {"linucb": bandit.ucb, "thompson": lambda x: bandit.thompson(x, rng), "mix": lambda x: x[..., -1]}
                return np.asarray(np.clip(by[name](x), 0, 1))

            shelf = priced(world, world.probability, world.history.toarray() > 0, 1, PLAIN)
            simulate(world.settings, served(world, rank, PLAIN, [shelf]), CUT, heard)
            worth.setdefault(name, []).append(float(np.mean(values)))
    print("True value of a list from day 60 on, in clicks: the bandit learns every night, the mix does not")
    for name, values in worth.items():
        over(name, values)
        over(f"  {name} more than the mix", np.subtract(values, worth["mix"]).tolist())
    print("Learned from the shop's own lists of days 60 to 74, judged on those of days 75 to 89 (doubly robust)")
    rows = []
    for world in worlds:
        looked, learned = world.looked, world.after[world.after.day < MIDDLE]
        bandit = START
        for day in np.unique(learned.day):
            own = learned[learned.day == day]
            x = features(world, own.reader.to_numpy(), int(day))[np.arange(len(own)), own.book]
            bandit = bandit.learn(x, looked[own.place - 1], own.clicked)
        later = world.after[world.after.day >= MIDDLE]
        scores = bandit.mean(features(world, world.everybody, MIDDLE))
        found = [estimated(world, later, score, looked) for score in (scores, world.probability)]
        gain = off_policy.value(found[0][0] - found[1][0], later.drop_duplicates("list").reader.to_numpy())
        truth = found[0][2] - found[1][2]
        value, low, high = gain.loc["doubly_robust"]
        rows.append((found[1][2], found[0][2], truth, value, low, high, low <= truth <= high))
    print(pd.DataFrame(rows, columns=["mix, truth", "bandit, truth", "gain, truth", "gain", "low", "high", "inside"])
          .round(3).to_string())  # fmt: skip


SECTIONS: dict[str, Callable[[list[World]], None]] = {
    "rankers": rankers,
    "diverse": diverse,
    "off_policy": off_policies,
    "loop": loop,
    "bandit": bandits,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1, help="seed of the first world")
    parser.add_argument("--only", nargs="*", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--parts", default=PARTS, help="what the mix is made of, by names in ranker_fit.PARTS")
    parser.add_argument("--cache", type=Path, default=Path("data/work/embeddings"), help="folder of embeddings")
    given = parser.parse_args()
    began = time.perf_counter()
    worlds = [
        World(seed, given.cache, given.parts.split(",")) for seed in range(given.first, given.first + given.worlds)
    ]
    print(f"{len(worlds)} simulated worlds, the mix of {given.parts}")
    for name in given.only:
        SECTIONS[name](worlds)
        print(f"  [{name}: {time.perf_counter() - began:,.0f} s since the start]", flush=True)


if __name__ == "__main__":
    main()
