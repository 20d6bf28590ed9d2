"""Covariate and label drift: scores, flagged rows and input fields by day, each as shares and mean ranks."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from loopbook.monitoring import rates, signals, spread
from loopbook.monitoring.changes import Change
from loopbook.monitoring.rates import Rate
from loopbook.monitoring.timeline import Days, Floats, Log
from loopbook.scenario.task import GROWING, Ranking
from loopbook.statistics.label_shift import correction

_LEAST_SHARE = 0.01  # values of a category that are rarer are watched together


def class_index(value: float, expected: float) -> float:
    """Return the population stability index of two base rates."""
    p, q = (float(np.clip(rate, 1e-3, 1 - 1e-3)) for rate in (value, expected))
    return float((p - q) * np.log(p / q) + (q - p) * np.log((1 - p) / (1 - q)))


def rank_index(value: float, expected: float) -> float:
    """Return the population stability index of two normal distributions whose mean ranks are these."""
    return float(4 * np.pi * (value - expected) ** 2)


def shares(log: Log, names: Sequence[str], codes: tuple[Days, Days], place: str = "") -> Rate:
    """Return the shares of classes, watched together; two classes are one share, that of the second.

    Parameters
    ----------
    names
        What the share of each class is called, K of them.
    codes
        Class of each row of stream and reference (`Side.counts`).
    """
    kept = np.eye(len(names))[len(names) == 2 :]
    now, base = (
        side.counts(found, len(names)).contrast(kept)
        for side, found in zip((log.stream, log.reference), codes, strict=True)
    )
    return Rate(place, tuple(names[-len(kept) :]), now, base, class_index, log.scenario.monitoring.min_effect)


def score(log: Log) -> pd.DataFrame:
    """Watch the distribution of what the model says: its mean rank in the reference, and how far from its middle.

    That is the probability of yes where there are two classes, that of the most probable class where there are more,
    and the prediction where it is a number.

    Returns
    -------
    DataFrame
        A row a change (`signals.COLUMNS`); ``value`` is a mean rank, ``effect`` the population stability index.
    """
    name, sides = "the probability", (log.stream, log.reference)
    now, base = (side.chance for side in sides)
    if "residual" in log.checks:
        name, (now, base) = "the prediction", (side.number[:, 1] for side in sides)
    elif log.several:
        name = "the probability of the most probable class"
    return rates.watch("score", log, list(_number(log, "", name, now, base)))


def flagged(log: Log) -> pd.DataFrame:
    """Watch the share of all rows that call for each action, together; of two actions that of the second.

    A wave over all segments at once changes no segment's share of the rows; it shows here.
    """
    names = [f"share of {log.scenario.task.units} flagged for “{name}”" for name in log.prices.actions]
    return rates.watch("flagged", log, [shares(log, names, (log.stream.flagged, log.reference.flagged))])


def classes(log: Log) -> pd.DataFrame:
    """Watch the shares of the classes that the scores speak of, long before an outcome is known.

    If only the mix of the classes changes, the mean scores q are those of each class by the reference's labels, C,
    times the classes' shares, so these are p = C⁻¹q (`label_shift`). The correction makes their variance larger, and
    what C itself does not know widens their interval. Classes of which the reference has no row are left out.

    Returns
    -------
    DataFrame
        A row a change (`signals.COLUMNS`): ``value`` is the estimated share, within [0, 1]; ``effect`` the PSI of
        the class and the rest. No row where the model's scores do not tell the classes apart.
    """
    side, labelled = log.reference, log.known[1]
    learned = correction(labelled.probability, labelled.code, labelled.day, float(log.spread.correlation))
    told = np.flatnonzero(learned.told)[len(log.classes) == 2 :]
    if not len(told):
        return signals.table([])
    now, base = log.stream.probability, side.probability

    def error(change: Change) -> Floats:
        days = (log.stream.day >= change.onset) & (log.stream.day <= change.day)
        share: Floats = np.nanmean(now[days] @ learned.weights.T, axis=0)
        return share**2 @ learned.error[:, told]

    found = Rate(
        "",
        tuple(f"estimated share of “{log.classes[index]}” (outcomes still to come)" for index in told),
        log.stream.daily(now @ learned.weights[told].T),
        side.daily(base @ learned.weights[told].T),
        class_index,
        log.scenario.monitoring.min_effect,
        error=error,
    )
    return rates.watch("classes", log, [found])


def fields(log: Log) -> pd.DataFrame:
    """Watch each input field of a table: mean ranks of a number, shares of a category's values, share missing.

    The day's level is divided among the fields, and a field's among its quantities. Counts from the beginning, which a
    ranking may have (`task.GROWING`), are no field to watch: that they have grown is no news.

    Returns
    -------
    DataFrame
        A row a change (`signals.COLUMNS`).
    """
    task = log.scenario.task
    names = [name for name in task.table_fields if not (isinstance(task, Ranking) and name in GROWING)]
    parts = [list(_field(log, name)) for name in names]
    weights = [1 / (len(names) * len(part)) for part in parts for _ in part]
    found = [rate for part in parts for rate in part]
    return rates.watch("field", log, found, weights)


def _field(log: Log, name: str) -> Iterator[Rate]:
    columns = [side.frame[name] for side in (log.stream, log.reference)]
    if log.scenario.task.fields[name] == "number":
        now, base = (column.to_numpy("float64", na_value=np.nan) for column in columns)
        yield from _number(log, name, name, now, base)
        return
    new, old = (column.astype(str).to_numpy() for column in columns)
    common = spread.common(old, _LEAST_SHARE)
    what = [
        *(f"share of “{value}” in {name}" for value in common),
        f"share of values of {name} that were rare or unknown",
    ]
    yield shares(log, what, (spread.codes(new, common), spread.codes(old, common)), name)


def _number(log: Log, place: str, name: str, now: Floats, base: Floats) -> Iterator[Rate]:
    """Return a number's mean rank among the reference's values, its distance from the middle rank, its gaps."""
    there = np.sort(base[~np.isnan(base)])
    if len(there):
        ranks = [spread.ranks(values, there) for values in (now, base)]
        far: list[Floats] = [2 * np.abs(rank - 0.5) for rank in ranks]
        told = _told(name, now, log.stream.day, there)
        for values in (ranks, far):
            new, old = (side.daily(part) for side, part in zip((log.stream, log.reference), values, strict=True))
            yield Rate(place, (name,), new, old, rank_index, log.scenario.monitoring.min_effect, words=told)
    gaps = np.isnan(now).astype("int64"), np.isnan(base).astype("int64")
    if gaps[0].any() or gaps[1].any():
        yield shares(log, [f"share of {name} there", f"share of {name} missing"], gaps, place)


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
