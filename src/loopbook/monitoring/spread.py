"""Spread between days of a whole reference: what its quantities have in common, learned from many of them at once."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.features import tokenize
from loopbook.scenario.contract import Scenario
from loopbook.statistics import day_spread
from loopbook.statistics.daily_counts import Counts
from loopbook.statistics.day_spread import Daily, Floats, Kinds, Pooled

LEAST_SHARE = 0.05
"""Share of the rows that have a value or a word, below which it says little of the spread."""
_COMMON, _WORDS, _TEXTS = 20, 60, 20_000


def learn(
    frame: pd.DataFrame, known: Iterable[Floats], day: Kinds, weekday: Kinds | None, scenario: Scenario
) -> Pooled:
    """Return what the rows of a reference, on these days, tell of the spread between days.

    `known` are scores, classes and actions, float64 [n] each; fields, segments and common words are added to them.
    """
    days = int(day[-1]) + 1
    found = [Daily.of([*known, *_quantities(frame, scenario)], day, days, weekday)]
    categories = (name for name, kind in scenario.task.fields.items() if kind == "category")
    for name in (*categories, *scenario.monitoring.segments):
        text = frame[name].astype(str).to_numpy()
        names = common(text, LEAST_SHARE)
        counts = Counts.of(codes(text, names), len(names) + 1, day, days, weekday)
        found.append(counts.contrast(np.eye(len(names) + 1)[: len(names)]))
    return day_spread.pooled(Daily.beside(found))


def common(values: NDArray[np.object_], least: float) -> list[str]:
    """Return the commonest values of a category, at most 20, each with at least this share of those that are there."""
    shares = pd.Series(values).value_counts(normalize=True).head(_COMMON)
    return [str(value) for value in shares.index[shares >= least]]


def codes(values: NDArray[np.object_], names: list[str]) -> Kinds:
    """Return the number of each value among the names, int64 [n]; for all others the number of names."""
    return np.asarray(pd.Index(names).get_indexer(pd.Index(values)) % (len(names) + 1), dtype="int64")


def ranks(values: Floats, sample: Floats) -> Floats:
    """Return the mid-ranks of values in a sorted sample, in [0, 1]; NaN stays."""
    rank = (np.searchsorted(sample, values, "left") + np.searchsorted(sample, values, "right")) / (2 * len(sample))
    return np.where(np.isnan(values), np.nan, rank)


def _quantities(frame: pd.DataFrame, scenario: Scenario) -> Iterator[Floats]:
    for name in (name for name, kind in scenario.task.fields.items() if kind == "number"):
        values = frame[name].to_numpy("float64", na_value=np.nan)
        if not np.isnan(values).all():
            yield ranks(values, np.sort(values[~np.isnan(values)]))
    for name in scenario.task.text_fields:
        yield from _words(frame[name].astype(str).tolist())


def _words(texts: list[str]) -> Iterator[Floats]:
    """Return which texts hold each of the commonest words; of very many texts only some are read."""
    step = -(-len(texts) // _TEXTS)
    sets = [set(tokenize(text)) for text in texts[::step]]
    counts = pd.Series([word for words in sets for word in words], dtype="str").value_counts()
    for word in counts.index[:_WORDS][counts[:_WORDS] >= LEAST_SHARE * len(sets)]:
        column = np.full(len(texts), np.nan)
        column[::step] = [word in words for words in sets]
        yield column
