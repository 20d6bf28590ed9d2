"""Incidents: signals that belong together are one incident, and an incident is one alert with its cause and cost.

A change shows in many places: new words move the scores, the calibration, the ranking. So signals are put together by
when the change most likely began, and the signal that names a cause (a surge, new words, another base rate, another
meaning, a field, an unfair gap) gives the incident its name. A symptom without a cause near it stands alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from statistics import median_high

import pandas as pd

from loopbook.monitoring.segment_values import apart, named
from loopbook.monitoring.timeline import ANSWER, Log
from loopbook.monitoring.waves import ECHO

CAUSES = {
    "surge": "surge",
    "segment": "segment",
    "good_news": "good_news",
    "vocabulary": "vocabulary",
    "meaning": "meaning",
    "new_class": "new_class",
    "outcomes": "base_rate",
    "wave": "base_rate",
    "classes": "base_rate",
    "confusion": "confusion",
    "field": "field",
    "narrowing": "narrowing",
    "fairness": "fairness",
}
"""Check to the cause that it names; the other checks are symptoms."""
TITLES = {
    "surge": "More than usual",
    "segment": "A new segment",
    "good_news": "More good news than usual",
    "vocabulary": "The texts use new words",
    "meaning": "The same texts mean something else",
    "new_class": "A class has come that was not there",
    "base_rate": "The shares of the classes have changed",
    "confusion": "One class is taken for another more often",
    "field": "An input field has changed",
    "narrowing": "The lists hold fewer items",
    "fairness": "Groups are not treated alike",
    "volume": "The number of decisions has changed",
    "flagged": "The shares of the actions have changed, for no known cause",
    "score": "The probabilities have changed, for no known cause",
    "calibration": "The probabilities are wrong on average, for no known cause",
    "residual": "The predictions are further off, for no known cause",
    "ranking": "The model ranks worse, for no known cause",
}
"""What each cause is called in an alert."""
SLACK = 2
"""Days by which the estimated beginnings of one change may differ."""
AGAIN = 28
"""Days within which what has ended and comes again, or swings, is the same incident."""
_SWINGING = ("field", "score", "flagged", "calibration", "residual", "volume")
_SYMPTOMS = ("residual", "flagged", "score", "calibration", "ranking", "volume")
IN_SEGMENTS = ("surge", "segment", "good_news")
"""Causes that are counted in the segments of their places."""
_COUNTED = (*IN_SEGMENTS, "new_class")


@dataclass(frozen=True)
class Incident:
    """Signals that belong together.

    Attributes
    ----------
    cause
        One of `TITLES`.
    places
        Segments, fields or attributes concerned; empty for everywhere.
    first, last
        Days of the stream: when it most likely began, and the last day on which it was seen (a surge), or the
        stream's last day (a change that lasts).
    day, named
        Day of the first signal, which is the day of the alert, and day of the first signal that named the cause and
        had seen rows since `first`.
    sign
        +1 or -1 as the value of the first signal is above or below what was expected.
    signals
        The signals' numbers in the table.
    peak
        Day of the signal that was furthest from what was expected.
    open
        Whether it still lasted when the stream ended.
    title
        What has changed, which way and from which number to which, without a full stop.
    """

    cause: str
    places: tuple[str, ...]
    first: int
    last: int
    day: int
    named: int
    signals: tuple[int, ...]
    sign: int = 0
    peak: int = -1
    open: bool = True
    title: str = ""

    def id(self, log: Log) -> str:
        """Return a name for `incidents ack`, from cause, direction, and first alarm's place and day.

        These stay while the incident lasts; more days move the estimate of its beginning and bring more places.
        """
        parts = (log.scenario.name, self.cause, str(self.sign), *self.places[:1], log.date(self.day))
        return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def incidents(log: Log, signals: Iterable[pd.DataFrame]) -> tuple[pd.DataFrame, list[Incident]]:
    """Put signals together.

    Parameters
    ----------
    log
        The log.
    signals
        Tables of the checks (`signals.COLUMNS`); rows without alarm do not matter.

    Returns
    -------
    DataFrame
        The signals with an alarm, in order of the day on which they were known.
    list of Incident
        In order of their alerts' days. Every signal is in exactly one.
    """
    table = pd.concat(list(signals), ignore_index=True)
    table = table[table["alarm"]].sort_values(["day", "check", "place"], kind="stable").reset_index(drop=True)
    window = log.scenario.monitoring.window_days
    kinds = {name: table[table["check"] == name] for name in (*CAUSES, *_SYMPTOMS, ECHO)}
    surges, unfair = _surges("surge", kinds["surge"]), _by_attribute(kinds["fairness"])
    surges += _surges("segment", kinds["segment"])
    surges = _echoes(kinds[ECHO], surges) + _surges("good_news", kinds["good_news"])
    drifts = _primary("vocabulary", kinds["vocabulary"], window, [])
    drifts = _primary("meaning", kinds["meaning"], window, drifts, join=("vocabulary",))
    drifts = _primary("field", kinds["field"], SLACK, drifts)
    drifts += _each("new_class", kinds["new_class"])
    drifts = _primary("narrowing", kinds["narrowing"], window, drifts)
    drifts = _primary("base_rate", kinds["wave"], window, drifts, join=("vocabulary", "meaning", "new_class"))
    drifts = _primary("base_rate", kinds["outcomes"], window, drifts, join=("meaning", "new_class"))
    known = ("vocabulary", "meaning", "field", "new_class")
    drifts = _primary("confusion", kinds["confusion"], window, drifts, join=(*known, "base_rate"))
    drifts = _primary("base_rate", kinds["classes"], window, drifts, join=(*known, "confusion"))
    drifts = [replace(one, last=log.stream.days - 1) for one in drifts]
    surges, drifts = _shares(surges, drifts, window)
    for name in _SYMPTOMS:
        drifts = _symptoms(name, kinds[name], log, drifts)
    every = [_lived(one, table, log) for one in (*surges, *unfair, *_again(drifts, table))]
    return table, sorted(every, key=lambda one: (one.day, one.first, one.cause, one.places))


def sentence(log: Log, incident: Incident) -> str:
    """Return what an alert says first: what, where, since when, and whether it is over."""
    what = incident.title or TITLES[incident.cause]
    places = "" if incident.title else ", ".join(incident.places)
    since = "" if incident.cause == "fairness" else f", since {log.date(incident.first)}"
    over = "" if incident.open else f", until {log.date(incident.last)}"
    # A field's name stays as it is in the data.
    if incident.cause in IN_SEGMENTS or not what.startswith(incident.places):
        what = f"{what[:1].upper()}{what[1:]}"
    return f"{what}{f' in {places}' if places else ''}{since}{over}."


def _each(cause: str, table: pd.DataFrame) -> list[Incident]:
    """Return each signal of one check as an incident of its own, in the order of the table."""
    return [
        Incident(
            cause,
            tuple(filter(None, apart(row["place"]) if cause in IN_SEGMENTS else [row["place"]])),
            row["onset"],
            row["last"],
            row["day"],
            row["day"],
            (row["index"],),
            1 if row["value"] > row["expected"] else -1,
        )
        for row in table.reset_index().to_dict(orient="records")
    ]


def _surges(cause: str, table: pd.DataFrame) -> list[Incident]:
    """One for each stretch of days of signals that share a segment."""
    found: list[Incident] = []
    for signal in _each(cause, table):
        for index, one in enumerate(found):
            shared = set(signal.places) & set(one.places)
            if shared and signal.first <= one.last + 1 and one.first <= signal.day:
                first, last = min(one.first, signal.first), max(one.last, signal.day)
                found[index] = replace(_with(one, signal, places=True), first=first, last=last)
                break
        else:
            found.append(replace(signal, last=signal.day))
    return found


def _echoes(table: pd.DataFrame, surges: list[Incident]) -> list[Incident]:
    """Add what shows in all rows to the surge of a segment that began nearest, of those whose days it shares."""
    found = list(surges)
    for echo in _each(ECHO, table):
        near = [at for at, one in enumerate(found) if one.first <= echo.last and echo.first <= one.last + SLACK]
        if near:
            at = min(near, key=lambda at: (abs(found[at].first - echo.first), -len(found[at].signals)))
            found[at] = _with(found[at], echo, places=False)
        else:
            found.append(replace(echo, cause="base_rate"))
    return found


def _shares(surges: list[Incident], drifts: list[Incident], reach: int) -> tuple[list[Incident], list[Incident]]:
    """Let a flood of a class that began with a change of the classes' shares be a signal of that change."""
    left, found = [], list(drifts)
    for surge in surges:
        near = [
            at
            for at, one in enumerate(found)
            if one.cause in ("base_rate", "new_class", "confusion") and abs(one.first - surge.first) < reach
        ]
        if near and any(place.startswith(named(ANSWER, "")[:-1]) for place in surge.places[:1]):
            found[near[0]] = _with(found[near[0]], surge, places=False)
        else:
            left.append(surge)
    return left, found


def _by_attribute(table: pd.DataFrame) -> list[Incident]:
    found = []
    for attribute, rows in table.groupby(table["place"].str.split(":").str[0], sort=True):
        day, last = int(rows["day"].min()), int(rows["last"].max())
        found.append(Incident("fairness", (str(attribute),), 0, last, day, day, tuple(rows.index)))
    return found


def _primary(
    cause: str, table: pd.DataFrame, reach: int, known: list[Incident], join: tuple[str, ...] = ()
) -> list[Incident]:
    """Add signals that name a cause.

    Signals in one direction that began within `reach` days of each other are one change, which began on the median of
    their days. One that began with a known incident of one of the causes in `join` follows from that one; one that
    began within `reach` days of a known incident of its own cause and direction is the same change.
    """
    found = list(known)
    for change in _changes(cause, table, reach):
        follows = [index for index, one in enumerate(found) if one.cause in join and _follows(change, one, reach)]
        same = [
            index
            for index, one in enumerate(found)
            if one.cause == cause and one.sign == change.sign and abs(one.first - change.first) < max(reach, SLACK + 1)
        ]
        if not same + follows:
            found.append(change)
            continue
        near = min(same + follows, key=lambda index: (abs(found[index].first - change.first), index not in same))
        found[near] = _with(found[near], change, places=near in same)
    return found


def _changes(cause: str, table: pd.DataFrame, reach: int) -> list[Incident]:
    """Put together signals of one check in one direction whose beginnings are near each other."""
    found: list[Incident] = []
    onsets: list[list[int]] = []
    for signal in _each(cause, table.sort_values(["day", "p"], kind="stable")):
        for index, one in enumerate(found):
            if one.sign == signal.sign and abs(one.first - signal.first) < max(reach, SLACK + 1):
                onsets[index].append(signal.first)
                found[index] = replace(_with(one, signal, places=True), first=median_high(onsets[index]))
                break
        else:
            found.append(signal)
            onsets.append([signal.first])
    return found


def _follows(change: Incident, one: Incident, reach: int) -> bool:
    """Say whether a change began with an incident, within `SLACK`, or is what the incident brings later.

    Where texts mean something else in places, the share of positive outcomes goes the same way, and it is seen later,
    because only those places move it. Words that the model does not know lower its scores, and the more of them have
    come, the more. A new class takes its share from the others.
    """
    later = change.first - one.first
    if abs(later) <= SLACK:
        return True
    brought = (one.cause == "meaning" and change.sign == one.sign) or (one.cause == "vocabulary" and change.sign < 0)
    return (brought or one.cause == "new_class") and 0 <= later < reach


def _symptoms(name: str, table: pd.DataFrame, log: Log, known: list[Incident]) -> list[Incident]:
    """Add signals that name no cause to the change that began nearest to them, or let them stand alone.

    A change may take days to show in the whole, so a symptom may begin up to a window after its cause.
    """
    found = list(known)
    reach = max(log.scenario.monitoring.window_days, SLACK + 1)
    for signal in _each(name, table):
        # The ranking is looked at over a whole window, so the change may have begun anywhere in it.
        end = signal.last if name == "ranking" else signal.first
        near = [index for index, one in enumerate(found) if signal.first - reach < one.first <= end + SLACK + 1]
        if near and name != "volume":
            index = min(near, key=lambda one: (found[one].cause == name, abs(found[one].first - signal.first)))
            found[index] = _with(found[index], signal, places=False)
        else:
            found.append(signal if name == "volume" else replace(signal, last=log.stream.days - 1))
    return found


def _with(incident: Incident, signal: Incident, *, places: bool) -> Incident:
    """Return an incident with one more signal; `places`: of the same cause, so that its places count."""
    return replace(
        incident,
        places=tuple(dict.fromkeys((*incident.places, *signal.places))) if places else incident.places,
        day=min(incident.day, signal.day),
        named=min(incident.named, signal.named) if places else incident.named,
        signals=(*incident.signals, *signal.signals),
    )


def _again(incidents: list[Incident], table: pd.DataFrame) -> list[Incident]:
    """Make one incident of what has come back or swings: the same cause in the same place within `AGAIN` days."""
    found: list[Incident] = []
    for one in sorted(incidents, key=lambda incident: incident.first):
        for index, before in enumerate(found):
            own = table.loc[list(before.signals)]
            near = one.first - int(own["last"].max()) <= AGAIN
            same = before.cause == one.cause and (before.places == one.places or bool({*before.places} & {*one.places}))
            if same and near and (one.cause in _SWINGING or bool(own["back"].any()) or _is_back(one, table)):
                found[index] = replace(_with(before, one, places=True), last=max(before.last, one.last))
                break
        else:
            found.append(one)
    return found


def _is_back(incident: Incident, table: pd.DataFrame) -> bool:
    return bool(table.loc[list(incident.signals), "back"].all())


def _lived(incident: Incident, table: pd.DataFrame, log: Log) -> Incident:
    """Say when an incident was named, peaked and ended, and what it is called.

    Only signals that saw rows since the change began name the cause; the earliest if none did.
    """
    own = table.loc[list(incident.signals)]
    naming = own[own["check"].map(lambda check: CAUSES.get(check, check) == incident.cause)]
    seen = naming[naming["last"] >= incident.first]
    naming = seen if len(seen) else naming
    counted = incident.cause in _COUNTED
    peak = naming.sort_values("value" if counted else "effect", kind="stable").iloc[-1]
    latest = naming.sort_values(["last", "onset"], kind="stable").iloc[-1]
    if counted or incident.cause == "volume":
        last = incident.last if counted else int(naming["last"].max())
        lasting = last >= log.stream.days - 2
    else:
        last, lasting = (int(latest["onset"]), False) if latest["back"] else (log.stream.days - 1, True)
    first = min(incident.first, incident.day)
    more = len(set(naming["place"])) - 1
    title = f"{peak['title']}{f', and {more} more' if more else ''}" if peak["title"] else ""
    day = int(naming["day"].min())
    return replace(
        incident, named=day, peak=int(peak["last"]), last=max(first, last), first=first, open=lasting, title=title
    )
