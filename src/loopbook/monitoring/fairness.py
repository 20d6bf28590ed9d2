"""Group fairness (equalised odds): is the agent as often right for one group as for another?

Watched over the scenario's protected attributes, on all rows whose outcome is known. Of two classes: recall (of those
who deserved the action, how many got it: equal opportunity) and the false-positive rate; together they are equalised
odds. Of more: accuracy (of all, how many got the action that is cheapest for their class), and that of each common
class. The groups' shares of actions are shown only, because groups may well differ in what they need.

References
----------
Hardt, Price & Srebro (2016), Equality of opportunity in supervised learning.
"""

from itertools import combinations, product
from math import sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.monitoring import shifts, signals
from loopbook.monitoring.timeline import Log, Mask, Side
from loopbook.statistics import bands, intervals
from loopbook.statistics.targets import NO_CLASS

Daily = NDArray[np.int64]
"""Hits and rows by day, [2, days]."""
_LEAST_ROWS = 20  # rows of a group below which a rate is not compared
_MOST_CLASSES = 5  # of several, that are watched each by itself


def measures(log: Log) -> tuple[str, ...]:
    """Return what is watched, the most important first; the other measures of `rates` are shown."""
    if not log.several:
        return "recall", "false-positive rate"
    rows = np.bincount(log.reference.code[log.reference.code >= 0], minlength=len(log.classes))
    common = np.argsort(-rows, kind="stable")[:_MOST_CLASSES]
    return "accuracy", *(_of(log.classes[at]) for at in common if rows[at])


def rates(log: Log) -> pd.DataFrame:
    """Return each group's rates with 95% intervals, over the stream's known outcomes.

    Returns
    -------
    DataFrame
        attribute, group, measure (of two classes: action rate, base rate, recall, false-positive rate, precision; else
        accuracy, that of each class, the share of each action), rows (that the rate is of), value, low, high.
    """
    rows = []
    for attribute in log.scenario.source.protected:
        side = log.stream.keep(log.stream.code != NO_CLASS)
        values = _groups(log, side, attribute).to_numpy()
        for group in sorted({*values[pd.notna(values)].tolist()}):
            rows_of = _rows(log, side.keep(values == group))
            for measure, (hits, of) in ((name, (hit.sum(), of.sum())) for name, (hit, of) in rows_of.items()):
                value, low, high = intervals.wilson(hits / of if of else np.nan, of)
                rows.append((attribute, group, measure, of, value, low, high))
    return pd.DataFrame(rows, columns=["attribute", "group", "measure", "rows", "value", "low", "high"])


def gaps(log: Log, *, reference: bool = True) -> pd.DataFrame:
    """Return the largest difference between two groups, for each attribute and measure, with a 95% interval.

    Parameters
    ----------
    log
        The log.
    reference
        Whether the rows of the reference count as well: the agent is the same, and groups are small.

    Returns
    -------
    DataFrame
        attribute, measure, lower and higher (the groups), value (higher minus lower), low, high, p (two-sided,
        corrected for the number of pairs of groups).
    """
    found = [
        (attribute, measure, _widest(tallies))
        for attribute in log.scenario.source.protected
        for measure, tallies in _tallies(log, attribute, reference=reference).items()
    ]
    rows = [(attribute, measure, *widest) for attribute, measure, widest in found if widest is not None]
    return pd.DataFrame(rows, columns=["attribute", "measure", "lower", "higher", "value", "low", "high", "p"])


def name(log: Log) -> str:
    """Return what the largest gap is recorded as: that of recall of two classes, that of accuracy of more."""
    return f"{measures(log)[0]}_gap"


def gap(log: Log) -> float:
    """Return the largest difference between two groups of any attribute; NaN where none can be compared."""
    table = gaps(log)
    values = table["value"][table["measure"] == measures(log)[0]].to_numpy("float64")
    return float(values.max()) if len(values) else float("nan")


def watch(log: Log) -> pd.DataFrame:
    """Watch the gaps day by day, over all outcomes known so far, those of the reference included.

    Returns
    -------
    DataFrame
        A row an attribute, measure and day (`signals.COLUMNS`); ``value`` and ``effect`` are the gap. An unfair agent
        is unfair from the first day on, so ``onset`` is day 0. A gap alarms once.
    """
    rows: list[dict[str, object]] = []
    attributes, least = log.scenario.source.protected, log.scenario.monitoring.min_gap
    watched = [
        (attribute, measure, whole)
        for attribute in attributes
        for measure, whole in _tallies(log, attribute, reference=True).items()
    ]
    for attribute, measure, whole in watched:
        alarmed = False
        for last in range(log.stream.days):
            days = log.reference.days + last + 1
            tallies = {group: tally[:, :days] for group, tally in whole.items()}
            found = _widest(tallies)
            if found is None:
                continue
            lower, higher, value, low, high, once = found
            p = min(1.0, once * len(watched))
            alarm = not alarmed and p <= log.level and value >= least
            alarmed = alarmed or alarm
            one, other = (f"{group} (n = {tallies[group][1].sum():,})" for group in (lower, higher))
            words = f"{measure} is {100 * value:.1f} points lower for {one} than for {other} "
            words += f"[{100 * low:.1f}, {100 * high:.1f}]"
            row = {"place": f"{attribute}: {measure}", "day": last + log.delay, "onset": 0, "last": last}
            row |= {"value": value, "low": low, "high": high, "expected": 0.0, "effect": value, "p": p}
            rows.append(
                row
                | {
                    "alarm": alarm,
                    "title": f"{measure} is {100 * value:.0f} points lower for {lower} than for {higher}",
                    "evidence": f"{words} ({signals.shown(p)})",
                }
            )
    return signals.table(rows, "fairness")


def _groups(log: Log, side: Side, attribute: str) -> "pd.Series[str]":
    """Return the group of each row, numbers in bands that the reference fixes."""
    return bands.groups(side.frame[attribute].astype(str), log.reference.frame[attribute].astype(str))


def difference(hits: tuple[float, float], of: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return second share minus first, its 95% interval, and the two-sided p-value of the pooled test.

    References
    ----------
    Newcombe (1998), Interval estimation for the difference between independent proportions, method 10.
    """
    (a, low_a, high_a), (b, low_b, high_b) = (intervals.wilson(h / n, n) for h, n in zip(hits, of, strict=True))
    value = b - a
    low = value - sqrt((b - low_b) ** 2 + (high_a - a) ** 2)
    high = value + sqrt((high_b - b) ** 2 + (a - low_a) ** 2)
    pooled = sum(hits) / sum(of)
    spread = sqrt(pooled * (1 - pooled) * (1 / of[0] + 1 / of[1]))
    return value, low, high, shifts.tail(value / spread, 0.0) if spread > 0 else 1.0


def _of(name: str) -> str:
    """Return what the accuracy of a class is called."""
    return f"accuracy of “{name}”"


def _rows(log: Log, side: Side) -> dict[str, tuple[Mask, Mask]]:
    """Return (hits, rows that count) by measure, of rows with a known outcome."""
    every = np.ones(len(side), bool)
    if not log.several:
        acted, yes = side.acted, side.code == 1
        return {
            "action rate": (acted, every),
            "base rate": (yes, every),
            "recall": (acted & yes, yes),
            "false-positive rate": (acted & ~yes, ~yes),
            "precision": (acted & yes, acted),
        }
    right = side.action == log.prices.should(log.truth(side))
    found = {"accuracy": (right, every)}
    for code, name in enumerate(log.classes):
        found[_of(name)] = (right & (side.code == code), side.code == code)
    for code, name in enumerate(log.prices.actions):
        found[f"share of action “{name}”"] = (side.action == code, every)
    return found


def _tallies(log: Log, attribute: str, *, reference: bool) -> dict[str, dict[str, Daily]]:
    """Return hits and rows by measure and group: by day of the reference, if it counts, and of the stream behind it."""
    watched, total = measures(log), log.reference.days + log.stream.days
    found: dict[str, dict[str, Daily]] = {measure: {} for measure in watched}
    for side, first in ((log.stream, log.reference.days), *([(log.reference, 0)] if reference else [])):
        known = side.keep(side.code != NO_CLASS)
        codes, groups = pd.factorize(_groups(log, known, attribute), sort=True)
        rows_of = _rows(log, known)
        for measure, (number, group) in product(watched, enumerate(groups)):
            hits, of = rows_of[measure]
            rows = of & (codes == number)
            counts = [np.bincount(first + known.day[part], minlength=total) for part in (rows & hits, rows)]
            before = found[measure].get(str(group), np.zeros((2, total), "int64"))
            found[measure][str(group)] = before + np.stack(counts)
    return found


def effective(tally: Daily) -> tuple[float, float]:
    """Return hits and rows of a group, both divided by the design effect of the days: rows of one day are alike.

    References
    ----------
    Rao & Scott (1992), A simple method for the analysis of clustered binary data.
    """
    hits, of = tally[:, tally[1] > 0]
    share = hits.sum() / of.sum()
    spread = float(((hits - share * of) ** 2).sum()) * len(of) / max(1, len(of) - 1)
    usual = of.sum() * share * (1 - share)
    design = max(1.0, spread / usual) if usual > 0 else 1.0
    return float(hits.sum() / design), float(of.sum() / design)


def _widest(tallies: dict[str, Daily]) -> tuple[str, str, float, float, float, float] | None:
    """Return the pair of groups with the smallest p-value: lower, higher, gap, low, high, corrected p."""
    found = {name: effective(tally) for name, tally in tallies.items() if tally[1].sum() >= _LEAST_ROWS}
    looks = []
    for one, other in combinations(found, 2):
        lower, higher = sorted((one, other), key=lambda name: found[name][0] / found[name][1])
        value, low, high, p = difference((found[lower][0], found[higher][0]), (found[lower][1], found[higher][1]))
        looks.append((p, -value, lower, higher, low, high))
    if not looks:
        return None
    p, negative, lower, higher, low, high = min(looks)
    return lower, higher, -negative, low, high, min(1.0, p * len(looks))
