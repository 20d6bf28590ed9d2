"""The truth of the simulated shop: what its readers like on which day, and what a list is worth to them."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from loopbook.scenario.source import ShopSource
from loopbook.simulation.shop.books import HIDDEN, Catalogue, catalogue, vocabulary

Floats = NDArray[np.float64]

PLACES = 10
EXAMINATION: Floats = np.arange(1, PLACES + 1, dtype=np.float64) ** np.float64(-0.6)
"""How probable it is that a reader looks at a place of a list: the position-based model (Richardson et al. 2007)."""
_LATE = 0.2  # share of readers who come while the days pass
_SWITCH = 0.25  # share of readers whose taste changes on some day
_BASE, _SUBJECT, _MOOD, _SETTING, _HIDDEN, _QUALITY = -2.5, 1.6, 0.5, 0.4, 0.5, 0.5
_NEWS, _NEWS_DAYS = 0.8, 10.0  # what a new book gains, and for how long
_SEASON, _FASHION, _FASHION_DAYS = 0.7, 1.2, 25


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of a world and stands in none of its tables.

    Attributes
    ----------
    settings, books
        The world.
    users
        One row a reader: reader (r0001 ...), age, joined (date).
    joined, activity
        int [R], day on which a reader comes; float [R], how often one visits, relative to others.
    subject, switch
        float [2, R, S], liking of subjects before and after the day of change; int [R], that day (or never reached).
    mood, setting, hidden
        float [R, M], [R, P], [R, HIDDEN].
    fashions
        (subject, first day): wanted by everybody for `_FASHION_DAYS`.
    """

    settings: ShopSource
    books: Catalogue
    users: pd.DataFrame
    joined: NDArray[np.intp]
    activity: Floats
    subject: Floats
    switch: NDArray[np.intp]
    mood: Floats
    setting: Floats
    hidden: Floats
    fashions: tuple[tuple[int, int], ...]

    def relevance(self, readers: ArrayLike, books: ArrayLike, day: int) -> Floats:
        """Return how probable it is that a reader who looks at a book opens it: float64 [v, b].

        Parameters
        ----------
        readers, books
            int [v] and [b], numbers from 0; of a book that the reader has opened before it is no longer true.
        day
            Counted from the world's first day.
        """
        r, b, of = np.asarray(readers), np.asarray(books), self.books
        taste = np.where((day >= self.switch[r])[:, None], self.subject[1, r], self.subject[0, r])
        common = _QUALITY * of.quality[b] - 0.03 * (self.price(day)[b] - 18) + self._wanted(day)[of.subject[b]]
        age = day - of.published[b]
        common = common + _NEWS * np.exp(-np.maximum(age, 0) / _NEWS_DAYS)
        own = _SUBJECT * taste[:, of.subject[b]] + _MOOD * self.mood[r][:, of.mood[b]]
        own = own + _SETTING * self.setting[r][:, of.setting[b]] + _HIDDEN * self.hidden[r] @ of.hidden[b].T
        return np.asarray(expit(_BASE + common + own))

    def buying(self, relevance: ArrayLike) -> Floats:
        """Return how probable it is that a reader buys a book that was opened, by its relevance."""
        return 0.1 + 0.5 * np.asarray(relevance, dtype=np.float64)

    def value(self, readers: ArrayLike, lists: ArrayLike, day: int) -> Floats:
        """Return the clicks that lists get on average: float64 [v] for the books int [v, k <= 10] of each reader."""
        books, numbers = np.asarray(lists), np.asarray(readers)
        relevance = self.relevance(numbers, np.arange(len(self.books.items)), day)
        return np.asarray(np.take_along_axis(relevance, books, axis=1) @ EXAMINATION[: books.shape[1]])

    def price(self, day: int) -> Floats:
        """Return what each book costs on a day: a tenth of them are a quarter cheaper for a week."""
        cheap = np.random.default_rng([self.settings.seed, 5, day // 7]).random(len(self.books.price)) < 0.1
        return np.where(cheap, np.round(0.75 * self.books.price, 2), self.books.price)

    def stock(self, day: int) -> NDArray[np.bool_]:
        """Return which books can be had on a day: published, and not sold out, as a twentieth is for three days."""
        out = np.random.default_rng([self.settings.seed, 6, day // 3]).random(len(self.books.price)) < 0.05
        return np.asarray((self.books.published <= day) & ~out)

    def _wanted(self, day: int) -> Floats:
        """Return how much more everybody wants each subject on a day: its season and a fashion."""
        known, more = vocabulary(), np.zeros(len(vocabulary()["subjects"]))
        month = (self.settings.start + timedelta(days=day)).month
        for at, name in enumerate(known["subjects"]):
            if name in known["seasons"]:
                more[at] = _SEASON * np.cos(2 * np.pi * (month - known["seasons"][name]) / 12)
        for subject, first in self.fashions:
            more[subject] += _FASHION * (first <= day < first + _FASHION_DAYS)
        return more


def truth(settings: ShopSource) -> Truth:
    """Return the books and readers of a world, drawn from its seed."""
    rng, count, known = np.random.default_rng([settings.seed, 3]), settings.readers, vocabulary()
    subjects = len(known["subjects"])
    age = rng.integers(12, 80, count)
    joined = np.where(rng.random(count) < _LATE, rng.integers(0, settings.days, count), 0)
    liked = rng.normal(0, 1, (2, count, subjects)) + 0.6 * np.sin(age / 12)[:, None] * np.linspace(-1, 1, subjects)
    never = np.iinfo(np.intp).max
    changes = rng.random(count) < _SWITCH
    switch = np.where(changes, rng.integers(settings.days // 2, settings.days + 1, count), never)
    first = settings.days * 2 // 3
    fashion = np.random.default_rng([settings.seed, 8])
    fashions = tuple((int(fashion.integers(subjects)), day) for day in range(first, settings.all_days, 60))
    users = pd.DataFrame(
        {
            "reader": [f"r{number + 1:04d}" for number in range(count)],
            "age": age,
            "joined": (pd.Timestamp(settings.start) + pd.to_timedelta(joined, unit="D")).date.astype(str),
        }
    )
    return Truth(
        settings,
        catalogue(settings),
        users,
        joined,
        rng.lognormal(0, 0.6, count),
        liked,
        switch,
        rng.normal(0, 1, (count, len(known["moods"]))),
        rng.normal(0, 1, (count, len(known["settings"]))),
        rng.normal(0, 1, (count, HIDDEN)) / np.sqrt(HIDDEN) * 1.6,
        fashions,
    )
