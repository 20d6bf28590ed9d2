"""The simulated book shop: the same world by its seed, propensities that are right, and the truth behind clicks."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopbook.data import sources
from loopbook.scenario.source import ShopSource
from loopbook.simulation.shop.books import catalogue, vocabulary
from loopbook.simulation.shop.truth import EXAMINATION, PLACES, truth
from loopbook.simulation.shop.world import Lists, Shop, Visits, logging, simulate

SMALL = ShopSource(kind="shop", lists=1_500, readers=120, books=80, days=20, seed=3)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return simulate(SMALL)


def test_a_world_is_its_seed_and_its_days_are_the_same_whatever_follows(shop: Shop) -> None:
    longer = simulate(SMALL.model_copy(update={"later_days": 5}))
    pd.testing.assert_frame_equal(shop.rows, longer.rows[: len(shop.rows)])
    pd.testing.assert_frame_equal(shop.items, longer.items[: len(shop.items)])
    assert len(longer.items) > len(shop.items)
    other = simulate(SMALL.model_copy(update={"seed": 4}))
    assert not shop.items["blurb"].equals(other.items["blurb"])


def test_a_list_has_ten_books_that_are_in_stock_and_not_opened_before(shop: Shop) -> None:
    rows = shop.rows
    lists = rows.groupby("list")
    assert (lists.size() == PLACES).all()
    assert not rows.duplicated(["list", "book"]).any()
    assert rows["time"].is_monotonic_increasing
    opened = rows[rows["clicked"] == 1]
    assert not opened.duplicated(["reader", "book"]).any()
    assert (rows.loc[rows["bought"] == 1, "clicked"] == 1).all()
    day = (rows["time"].dt.normalize() - rows["time"].min().normalize()).dt.days
    for at in day.unique():
        there = set(shop.items["book"][shop.truth.stock(int(at))])
        assert set(rows["book"][day == at]) <= there


def test_propensities_are_those_of_the_draws() -> None:
    allowed = np.ones((1, 4), dtype=bool)
    visits = Visits(0, np.zeros(40_000, dtype=int), allowed.repeat(40_000, 0), np.array([4.0, 2.0, 1.0, 1.0]), ~allowed)
    drawn = logging(0.2)(visits, np.random.default_rng(0))
    first = 0.8 * np.array([0.5, 0.25, 0.125, 0.125]) + 0.05
    for order in itertools.permutations(range(4), 2):
        expected = first[order[0]] * first[order[1]] / (1 - first[order[0]])
        here = (drawn.books[:, 0] == order[0]) & (drawn.books[:, 1] == order[1])
        assert here.mean() == pytest.approx(expected, abs=0.01)
        assert np.allclose(drawn.propensity[here, :2].prod(axis=1), expected)


def test_clicks_are_examination_times_relevance() -> None:
    shop = simulate(SMALL.model_copy(update={"lists": 6_000, "days": 60, "readers": 300}))
    rows, world = shop.rows, shop.truth
    number = rows["reader"].str[1:].astype(int).to_numpy() - 1
    book = rows["book"].str[1:].astype(int).to_numpy() - 1
    day = (rows["time"].dt.normalize() - rows["time"].min().normalize()).dt.days.to_numpy()
    expected = np.empty(len(rows))
    for at in np.unique(day):
        here = day == at
        relevance = world.relevance(number[here][::PLACES], np.arange(len(shop.items)), int(at))
        expected[here] = np.take_along_axis(relevance, book[here].reshape(-1, PLACES), axis=1).ravel()
        assert world.value(number[here][::PLACES], book[here].reshape(-1, PLACES), int(at)) == pytest.approx(
            expected[here].reshape(-1, PLACES) @ EXAMINATION
        )
    expected *= np.tile(EXAMINATION, len(rows) // PLACES)
    for part in pd.qcut(expected, 5, labels=False), rows["place"].to_numpy():
        for value in np.unique(part):
            clicks = rows["clicked"][part == value]
            error = np.sqrt(expected[part == value].mean() / len(clicks))
            assert clicks.mean() == pytest.approx(expected[part == value].mean(), abs=4 * error)


def test_taste_can_be_read_from_a_blurb_and_changes_with_news_fashion_and_season() -> None:
    books = catalogue(SMALL)
    for number, (name, told) in enumerate(vocabulary()["subjects"].items()):
        blurbs = books.items["blurb"][books.subject == number].str.lower()
        assert blurbs.map(lambda blurb, told=told: any(text.lower() in blurb for text in told["what"])).all(), name
    assert books.items["title"].str.len().between(4, 60).all()
    assert not books.items["title"].str.contains(r"\bA [AEIO]").any()
    assert not books.items["blurb"].str.contains(r"[{}\[\]|]").any()
    world = truth(SMALL)
    (subject, begins), everybody = world.fashions[0], np.arange(SMALL.readers)
    calm = dataclasses.replace(world, fashions=())
    of = np.flatnonzero(books.subject == subject)
    assert world.relevance(everybody, of, begins).mean() > 1.3 * calm.relevance(everybody, of, begins).mean()
    news = int(np.argmax(books.published))
    out = int(books.published[news])
    assert calm.relevance(everybody, [news], out).mean() > calm.relevance(everybody, [news], out + 8).mean()


def test_another_policy_makes_the_lists_from_a_day_on() -> None:
    def best(visits: Visits, _: np.random.Generator) -> Lists:
        relevance = world.relevance(visits.readers, np.arange(SMALL.books), visits.day)
        order = np.argsort(-np.where(visits.allowed, relevance, -1), axis=1)[:, :PLACES]
        return Lists(order, np.ones(order.shape))

    world = truth(SMALL)
    own, better = simulate(SMALL), simulate(SMALL, best, policy_from=10)
    before = own.rows["time"] < pd.Timestamp(SMALL.start, tz="UTC") + pd.Timedelta(days=10)
    pd.testing.assert_frame_equal(own.rows[before], better.rows[: int(before.sum())])
    assert better.rows["clicked"][~before].mean() > 1.5 * own.rows["clicked"][~before].mean()


def test_the_shop_is_a_source(tmp_path: Path) -> None:
    collected = sources.collect(SMALL, tmp_path, tmp_path)
    assert collected.frame["book"].str.fullmatch(r"b\d{4}").all()
    assert "simulated, seed 3" in str(collected.origin)
    assert sources.fingerprint(SMALL, tmp_path, tmp_path) != sources.fingerprint(
        SMALL.model_copy(update={"seed": 4}), tmp_path, tmp_path
    )
