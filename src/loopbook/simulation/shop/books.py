"""The books of the simulated shop: what they are about, blurbs that say it, and what no text tells."""

import functools
import re
from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from loopbook.scenario.source import ShopSource
from loopbook.simulation.surface import capital
from loopbook.simulation.template import write
from loopbook.simulation.vocabulary import words

HIDDEN = 4
"""Dimensions of what readers like in a book that its text does not say, such as how its author writes."""
_NEW = 0.4  # share of the books that come out while `days` pass
_OLDEST = 720  # days before the first on which a book may have come out
_READERS_OF_AN_AUTHOR = 4  # books by one author, on average


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The books, in order of their numbers.

    Attributes
    ----------
    items
        One row a book: book (b0001 ...), title, blurb, author, price, pages, age (youngest reader), published (date).
    subject, mood, setting
        int [B], numbers in `vocabulary()`; text alone tells them.
    quality, hidden
        float [B], how much anybody likes it; float [B, HIDDEN], what some like and others do not.
    price, published
        float [B], full price; int [B], the day on which it comes out (below 0: before the world begins).
    """

    items: pd.DataFrame
    subject: NDArray[np.intp]
    mood: NDArray[np.intp]
    setting: NDArray[np.intp]
    quality: NDArray[np.float64]
    hidden: NDArray[np.float64]
    price: NDArray[np.float64]
    published: NDArray[np.intp]


@functools.cache
def vocabulary() -> dict[str, Any]:
    """Return the authored words of titles and blurbs; read from disk once."""
    text = (files("loopbook.simulation") / "words" / "books.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def catalogue(settings: ShopSource) -> Catalogue:
    """Return the books of a world; those of its `days` are the same whatever `later_days` are."""
    known, books = vocabulary(), settings.books
    count = books + round(_NEW * books * settings.later_days / settings.days)
    subjects, moods, settings_ = list(known["subjects"]), list(known["moods"]), list(known["settings"])
    rng = np.random.default_rng([settings.seed, 1])
    authors = max(1, books // _READERS_OF_AN_AUTHOR)
    names = words().people
    called = Random(f"authors {settings.seed}")
    writers = [f"{called.choice(names['first'])} {called.choice(names['last'])}" for _ in range(authors)]
    style = rng.normal(0, 1, (authors, HIDDEN))
    rows, told, hidden = [], [], []
    for number in range(count):
        own = np.random.default_rng([settings.seed, 2, number])
        kinds = [int(own.integers(len(of))) for of in (subjects, moods, settings_)]
        author = int(own.integers(authors))
        old = number < round((1 - _NEW) * books)
        day = -int(own.integers(1, _OLDEST)) if old else int(own.uniform(0, settings.days))
        if number >= books:
            day = settings.days + int(own.uniform(0, settings.later_days))
        price, quality = round(float(own.uniform(7, 30))) - 0.01, float(own.normal())
        hidden.append(0.7 * style[author] + 0.7 * own.normal(0, 1, HIDDEN))
        told.append((*kinds, quality, price, day))
        title, blurb = _text(Random(f"book {settings.seed} {number}"), *kinds)
        age = 16 if moods[kinds[1]] == "dark" or subjects[kinds[0]] == "crime" else 0
        published = pd.Timestamp(settings.start) + pd.Timedelta(days=day)
        rows.append(
            (f"b{number + 1:04d}", title, blurb, writers[author], price, int(own.integers(90, 700)), age, published)
        )
    columns = ["book", "title", "blurb", "author", "price", "pages", "age", "published"]
    subject, mood, setting, quality_, price_, published_ = (np.array(column) for column in zip(*told, strict=True))
    items = pd.DataFrame(rows, columns=columns)
    items["published"] = items["published"].dt.date.astype(str)
    return Catalogue(items, subject, mood, setting, quality_, np.array(hidden), price_, published_)


def _text(rng: Random, subject: int, mood: int, setting: int) -> tuple[str, str]:
    """Return a title and a blurb from which subject, mood and setting can be read."""
    known = vocabulary()
    about, place = (list(known[name].values())[at] for name, at in (("subjects", subject), ("settings", setting)))
    slots = {
        "thing": rng.choice(about["things"]),
        "spot": rng.choice(place["spots"]),
        "what": rng.choice(about["what"]),
        "more": rng.choice(about["more"]),
        "mood": rng.choice(list(known["moods"].values())[mood]),
        "where": rng.choice(place["where"]),
    }
    title, blurb = (write(rng.choice(known[name]), rng, slots.__getitem__) for name in ("titles", "blurbs"))
    title = re.sub(r"^A (?=[AEIO])", "An ", title)
    return title, ". ".join(capital(part) for part in blurb.split(". "))
