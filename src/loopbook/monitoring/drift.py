"""Covariate and label drift: scores, flagged rows and input fields by day, each as shares and mean ranks."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from loopbook.monitoring import rates, signals, spread
from loopbook.monitoring.changes import Change
from loopbook.monitoring.rates import Rate
from loopbook.monitoring.timeline import Days, Floats, Log

_LEAST_SPREAD = 0.05  # mean scores of the two classes nearer than this do not tell them apart
_COMMON, _LEAST_SHARE = 20, 0.01  # values of a category that are watched one by one


def class_index(value: float, expected: float) -> float:
    """Return the population stability index of two base rates."""
    p, q = (float(np.clip(rate, 1e-3, 1 - 1e-3)) for rate in (value, expected))
    return float((p - q) * np.log(p / q) + (q - p) * np.log((1 - p) / (1 - q)))


def rank_index(value: float, expected: float) -> float:
    """Return the population stability index of two normal distributions whose mean ranks are these."""
    return float(4 * np.pi * (value - expected) ** 2)


def score(log: Log) -> pd.DataFrame:
    """Watch the distribution of the probabilities: their mean rank in the reference, and how far from its middle.

    Returns
    -------
    DataFrame
        A row a change (`signals.COLUMNS`); ``value`` is a mean rank, ``effect`` the population stability index.
    """
    now, base = log.stream.probability, log.reference.probability
    found = list(_number("", "the probability", now, base, log.stream.day, log.scenario.monitoring.min_effect))
    return rates.watch("score", log, (log.stream, log.reference), found, log.level / max(1, len(found)))


def flagged(log: Log) -> pd.DataFrame:
    """Watch the share of all rows on which the agent acts.

    A wave over all segments at once changes no segment's share of the rows; it shows here.
    """
    name = f"share of {log.scenario.task.units} flagged for “{log.scenario.task.actions[1]}”"
    sides = log.stream, log.reference
    now, base = (side.flagged for side in sides)
    found = [Rate("", name, now, base, class_index, log.scenario.monitoring.min_effect)]
    return rates.watch("flagged", log, sides, found, log.level)


def classes(log: Log) -> pd.DataFrame:
    """Watch the base rate that the scores speak of, long before an outcome is known.

    If only the mix of the classes changes, the mean score moves in proportion: π = (s̄ - s̄₀) / (s̄₁ - s̄₀), with s̄₀ and
    s̄₁ the reference's mean scores of the two classes. The correction makes the rate's variance larger as well.

    Returns
    -------
    DataFrame
        A row a change (`signals.COLUMNS`): ``value`` is the estimated base rate, within [0, 1]; ``effect`` the PSI of
        the two classes. No row where the model's scores do not tell the classes apart.

    References
    ----------
    Lipton, Wang & Smola (2018), Detecting and correcting for label shift with black box predictors.
    """
    low, high = (float(np.nanmean(log.reference.probability[log.reference.label == of])) for of in (0, 1))
    if not high - low >= _LEAST_SPREAD:
        return signals.table([])
    now, base = ((side.probability - low) / (high - low) for side in (log.stream, log.reference))
    name = f"share of “{log.scenario.task.label.names[1]}” that the scores speak of"
    found = [Rate("", name, now, base, class_index, log.scenario.monitoring.min_effect)]
    return rates.watch("classes", log, (log.stream, log.reference), found, log.level)


def fields(log: Log) -> pd.DataFrame:
    """Watch each input field of a table: mean ranks of a number, shares of a category's values, share missing.

    The day's level is divided among the fields, and a field's among its quantities.

    Returns
    -------
    DataFrame
        A row a change (`signals.COLUMNS`).
    """
    names = log.scenario.task.table_fields
    parts = [list(_field(log, name)) for name in names]
    levels = np.repeat(
        [log.level / max(1, len(names) * len(part)) for part in parts], [len(part) for part in parts]
    ).astype("float64")
    found = [rate for part in parts for rate in part]
    return rates.watch("field", log, (log.stream, log.reference), found, levels) if found else signals.table([])


def _field(log: Log, name: str) -> Iterator[Rate]:
    least = log.scenario.monitoring.min_effect
    columns = [side.frame[name] for side in (log.stream, log.reference)]
    if log.scenario.task.fields[name] == "number":
        now, base = (column.to_numpy("float64", na_value=np.nan) for column in columns)
        yield from _number(name, name, now, base, log.stream.day, least)
        return
    new, old = (column.astype(str).to_numpy() for column in columns)
    shares = pd.Series(old).value_counts(normalize=True)
    common = shares.index[:_COMMON][(shares >= _LEAST_SHARE)[:_COMMON]].tolist()
    for value in common:
        what = f"share of “{value}” in {name}"
        yield Rate(name, what, (new == value) * 1.0, (old == value) * 1.0, class_index, least)
    rest = f"share of values of {name} that were rare or unknown"
    rare = [(~np.isin(values, common)).astype("float64") for values in (new, old)]
    yield Rate(name, rest, rare[0], rare[1], class_index, least)


def _number(place: str, name: str, now: Floats, base: Floats, day: Days, least: float) -> Iterator[Rate]:
    """Return a number's mean rank among the reference's values, its distance from the middle rank, its gaps."""
    there = np.sort(base[~np.isnan(base)])
    if len(there):
        ranks = [spread.ranks(values, there) for values in (now, base)]
        far: list[Floats] = [2 * np.abs(rank - 0.5) for rank in ranks]
        told = _told(name, now, day, there)
        yield Rate(place, name, ranks[0], ranks[1], rank_index, least, words=told)
        yield Rate(place, name, far[0], far[1], rank_index, least, words=told)
    gaps = [np.isnan(values).astype("float64") for values in (now, base)]
    if gaps[0].any() or gaps[1].any():
        yield Rate(place, f"share of {name} missing", gaps[0], gaps[1], class_index, least)


def _told(name: str, now: Floats, day: Days, sample: Floats) -> Callable[[Change], str]:
    """Return how a change of a number is told: its middle value, the width of its middle half, or that it is stuck."""

    def words(change: Change) -> str:
        window = now[(day >= change.onset) & (day <= change.day) & ~np.isnan(now)]
        quarters = [np.quantile(values, [0.25, 0.5, 0.75]) for values in (sample, window)]
        (low, middle, high), (new_low, new_middle, new_high) = quarters
        if len(window) >= 3 and new_low == new_high and low < high:
            return f"{name} stands still at {new_middle:g}"
        if abs(new_middle - middle) >= abs((new_high - new_low) - (high - low)):
            return rates.moved(f"middle value of {name}", float(new_middle), float(middle), share=False)
        return rates.moved(f"spread of {name}", float(new_high - new_low), float(high - low), share=False)

    return words
