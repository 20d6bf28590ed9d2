"""Waves: the share of predicted bad news among all rows by day, against the days before, whatever segment it is in."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from loopbook.monitoring import rates, sentiment, signals
from loopbook.monitoring.changes import Change
from loopbook.monitoring.segment_values import apart, memberships
from loopbook.monitoring.sentiment import NEGATIVE, Sentiment
from loopbook.monitoring.surges import GOOD_NEWS
from loopbook.monitoring.timeline import ANSWER, Floats, Log, Mask

LEAST_RISE = 0.05
"""Smallest change of the share of bad news worth an alert."""
ECHO = "echo"
"""Check of what the surges of segments explain: it is theirs and no wave of its own."""
_LEFT = 0.5  # of a rise, outside the surging segments, from which it is a wave of its own


def watch(log: Log, surges: pd.DataFrame) -> pd.DataFrame:
    """Watch the share of answers that are bad news, over all rows.

    What is tested are the answers; the corrected share stands beside them with its interval (`sentiment`). A rise of
    which less than half is left outside the segments that surge is an `ECHO` of these.

    Parameters
    ----------
    log
        Everything.
    surges
        ``Surges.signals``.

    Returns
    -------
    DataFrame
        A row a change (`signals.COLUMNS`). A fall ends a wave, or is good news by itself; what only goes back to where
        the reference was after an echo or a fall is no news and left out. ``value`` is the share of the answers.
    """
    found, places = _watch(log), {apart(place)[0] for place in surges["place"]}
    columns = tuple(name for name in log.segments if name != ANSWER)
    surging = [np.zeros(len(side), bool) for side in (log.stream, log.reference)]
    for rows, side in zip(surging, (log.stream, log.reference), strict=True):
        rows[[row for row, name in memberships(side.frame, columns) if name in places]] = True
    rest, before = log.without(surging[0], surging[1]), ""
    kinds: list[str] = []
    for row in found[["value", "expected", "back", "onset", "last"]].to_dict("records"):
        first, last = int(row["onset"]), int(row["last"])
        if row["value"] > row["expected"]:
            echo = bool(places) and _rise(rest, first, last) < _LEFT * _rise(log, first, last)
            kind = "" if row["back"] and before == GOOD_NEWS else ECHO if echo else "wave"
            before = kind
        else:
            kind = {"wave": "wave", ECHO: ""}.get(before, GOOD_NEWS)
            before = GOOD_NEWS if kind == GOOD_NEWS else ""
        kinds.append(kind)
    told = found.assign(check=np.array(kinds, dtype=object)).astype({"check": "str"})
    return told[told["check"] != ""].reset_index(drop=True)


def _rise(log: Log, first: int, last: int) -> float:
    """Return by how much the share of bad news on some days is above that of the reference."""
    read = sentiment.read(log)
    assert read is not None, "only where a wave was seen"
    now = read.stream[(log.stream.day >= first) & (log.stream.day <= last) & (read.stream >= 0)]
    base = read.reference[read.reference >= 0]
    return float((now == NEGATIVE).mean() - (base == NEGATIVE).mean()) if len(now) and len(base) else 0.0


def _watch(log: Log) -> pd.DataFrame:
    read, settings = sentiment.read(log), log.scenario.monitoring
    if read is None or settings.sentiment is None:
        return signals.table([])
    log = replace(log, level=settings.false_alarms / 100 * settings.sentiment.budget)
    now, base = (
        np.where(codes < 0, np.nan, codes == NEGATIVE).astype("float64") for codes in (read.stream, read.reference)
    )
    name = f"share of “{read.name}” among the answers"
    rate = rates.mean(name, (log.stream, log.reference), (now, base), lambda one, other: abs(one - other), LEAST_RISE)
    return rates.watch("wave", log, [rate._replace(words=_words(log, read, name))])


def _words(log: Log, read: Sentiment, name: str) -> Callable[[Change], str]:
    """Return how a change is told: the share of the answers, and the corrected one beside it."""

    def words(change: Change) -> str:
        moved = rates.moved(name, *np.clip([change.value, change.expected], 0, 1).tolist())
        if not read.corrects:
            return moved
        inside: Mask = (log.stream.day >= change.onset) & (log.stream.day <= change.day)
        _, (value, low, high) = read.share(read.stream[inside])
        return f"{moved}; corrected for errors {value:.0%} ({low:.0%} to {high:.0%})"

    return words


def bands(log: Log, rows: tuple[Mask, Mask] | None = None) -> pd.DataFrame | None:
    """Return the share of bad news by day with the band in which a day lies if nothing has changed.

    Parameters
    ----------
    rows
        Of stream and reference, bool [n] each; None: all.

    Returns
    -------
    DataFrame or None
        A row a day of the stream: `rows`, `share` of the answers, `corrected` with `low` and `high` (95%), and
        `expected` with `lower` and `upper`: of a day of this kind (weekday, or weekend) with as many rows, by the
        reference and the spread between its days. None where the scenario watches no sentiment.
    """
    read = sentiment.read(log)
    if read is None:
        return None
    kept = rows or (np.ones(len(log.stream), bool), np.ones(len(log.reference), bool))
    said = [np.where(own, codes, -1) for own, codes in zip(kept, (read.stream, read.reference), strict=True)]
    flags: list[Floats] = [np.where(codes < 0, np.nan, codes == NEGATIVE).astype("float64") for codes in said]
    now, base = (side.daily(flag) for side, flag in zip((log.stream, log.reference), flags, strict=True))
    expected, spread = rates.expected(now, base, log.spread)
    found = []
    for day in range(log.stream.days):
        codes = said[0][(log.stream.day == day) & (said[0] >= 0)]
        raw, level = read.share(codes)
        found.append((len(codes), raw, *level))
    table = pd.DataFrame(found, columns=["rows", "share", "corrected", "low", "high"])
    lower, upper = np.clip([expected - spread, expected + spread], 0, 1)
    return table.assign(expected=expected, lower=lower, upper=upper)
