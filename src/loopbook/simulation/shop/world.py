"""The simulated book shop: every day it shows readers lists of ten by a policy, and they open and buy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.scenario.source import ShopSource
from loopbook.simulation.shop.truth import EXAMINATION, PLACES, Floats, Truth, truth

_HALF_LIFE = 14  # days after which an opened book counts half in what is popular
_PRIOR = 0.5  # clicks that every book begins with
_WEEK = (0.8, 0.8, 0.9, 0.9, 1.1, 1.3, 1.2)  # visits by weekday, Monday first


class Visits(NamedTuple):
    """What a policy may know when it makes the lists of a day's readers.

    Attributes
    ----------
    day
        Counted from the world's first.
    readers
        int [v], those who come today, each once.
    allowed
        bool [v, B], books that may be shown: in stock and not opened before.
    popularity
        float [B], how often a book was opened, where a click counts half after two weeks.
    opened
        bool [v, B], books that each reader has opened before today.
    """

    day: int
    readers: NDArray[np.intp]
    allowed: NDArray[np.bool_]
    popularity: Floats
    opened: NDArray[np.bool_]


class Lists(NamedTuple):
    """Lists of ten: books int [v, 10], and how probable each place's book was, given the places above it."""

    books: NDArray[np.intp]
    propensity: Floats


Policy = Callable[[Visits, np.random.Generator], Lists]


@dataclass(frozen=True, eq=False)
class Shop:
    """What the shop has logged, and the truth.

    Attributes
    ----------
    rows
        One row a place of a list, in order of time: list, time (UTC), reader, book, place (1 ...), propensity (given
        the places above it), price (that day's), clicked, bought (0 or 1).
    items, users
        One row a book (`books.Catalogue.items`) and a reader (reader, age, joined).
    truth
        What nobody knows outside a simulation.
    """

    rows: pd.DataFrame
    items: pd.DataFrame
    users: pd.DataFrame
    truth: Truth


def logging(exploration: float) -> Policy:
    """Return the shop's own policy: each place is drawn by popularity, or uniformly with a known probability.

    A place's book is drawn from those not yet in the list with weights of popularity and 1; so its propensity, given
    the places above, is its weight's share among what is left (the Plackett-Luce model).
    """

    def policy(visits: Visits, rng: np.random.Generator) -> Lists:
        popular = np.where(visits.allowed, visits.popularity, 0)
        weight = (1 - exploration) * popular / popular.sum(axis=1, keepdims=True)
        weight += exploration * visits.allowed / visits.allowed.sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            keys = np.log(weight) + rng.gumbel(size=weight.shape[::-1]).T  # by book: later ones change no draw
        books = np.argsort(-keys, axis=1)[:, :PLACES]
        chosen = np.take_along_axis(weight, books, axis=1)
        left = 1 - np.cumsum(chosen, axis=1) + chosen
        return Lists(books, chosen / left)

    return policy


def simulate(
    settings: ShopSource,
    policy: Policy | None = None,
    policy_from: int = 0,
    heard: Callable[[pd.DataFrame], object] | None = None,
) -> Shop:
    """Return the lists that a seeded shop has shown on all its days, and what its readers did.

    The days of a world are the same whatever ``later_days`` follow. A reader looks at a place with the probability
    `truth.EXAMINATION` (the position-based model) and opens a book that was looked at with `Truth.relevance`.

    Parameters
    ----------
    policy
        Who makes the lists from day `policy_from` on; None: the shop's own (`logging`) on all days.
    heard
        Told the rows of each day that ended, as somebody who learns from them is.
    """
    world, own = truth(settings), logging(settings.exploration)
    count, books = settings.readers, len(world.books.items)
    opened, popularity = np.zeros((count, books), dtype=bool), np.full(books, _PRIOR)
    days: list[pd.DataFrame] = []
    for day in range(settings.all_days):
        rng = np.random.default_rng([settings.seed, 4, day])
        readers = _visitors(world, day, rng)
        allowed = world.stock(day) & ~opened[readers]
        visits = Visits(day, readers, allowed, popularity.copy(), opened[readers])
        drawing = np.random.default_rng([settings.seed, 7, day])
        shown = (own if policy is None or day < policy_from else policy)(visits, drawing)
        rows, clicked = _day(world, visits, shown, rng)
        days.append(rows)
        if heard is not None:
            heard(rows)
        opened[np.repeat(readers, PLACES)[clicked], shown.books.ravel()[clicked]] = True
        popularity *= 0.5 ** (1 / _HALF_LIFE)
        np.add.at(popularity, shown.books.ravel()[clicked], 1.0)
        popularity = np.maximum(popularity, _PRIOR)
    return Shop(pd.concat(days, ignore_index=True), world.books.items, world.users, world)


def _visitors(world: Truth, day: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return who comes on a day, in the order of the day."""
    settings = world.settings
    there = np.where(world.joined <= day, world.activity, 0.0)
    weekday = (settings.start.weekday() + day) % 7
    wanted = round(settings.lists / settings.days * _WEEK[weekday])
    number = min(wanted, int((there > 0).sum()))
    return rng.choice(len(there), number, replace=False, p=there / there.sum())


def _day(
    world: Truth, visits: Visits, shown: Lists, rng: np.random.Generator
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Return the rows of a day and which of them were clicked, bool [v * 10]."""
    day, number = visits.day, len(visits.readers)
    relevance = world.relevance(visits.readers, np.arange(len(world.books.items)), day)
    liked = np.take_along_axis(relevance, shown.books, axis=1)
    clicked = rng.random(liked.shape) < EXAMINATION * liked
    bought = clicked & (rng.random(liked.shape) < world.buying(liked))
    midnight = pd.Timestamp(world.settings.start, tz="UTC") + pd.Timedelta(days=day)
    seconds = np.sort(rng.integers(6 * 3600, 24 * 3600, number))
    places = shown.books.ravel()
    rows = pd.DataFrame(
        {
            "list": np.repeat([f"l{day:04d}-{at:05d}" for at in range(number)], PLACES),
            "time": np.repeat(midnight + pd.to_timedelta(seconds, unit="s"), PLACES).astype("datetime64[us, UTC]"),
            "reader": world.users["reader"].to_numpy()[np.repeat(visits.readers, PLACES)],
            "book": world.books.items["book"].to_numpy()[places],
            "place": np.tile(np.arange(1, PLACES + 1), number),
            "propensity": shown.propensity.ravel(),
            "price": world.price(day)[places],
            "clicked": clicked.ravel().astype("int8"),
            "bought": bought.ravel().astype("int8"),
        }
    )
    return rows, clicked.ravel()
