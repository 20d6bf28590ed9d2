"""Detection delay and false alarms of the watch, against the effects that a simulated world is known to hold."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from loopbook.figures.sentence import Sentence
from loopbook.monitoring import fairness
from loopbook.monitoring.alerts import SLACK
from loopbook.monitoring.segment_values import apart, named
from loopbook.monitoring.surges import GOOD_NEWS
from loopbook.monitoring.timeline import Log
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import SimulationSource
from loopbook.simulation import world

WATCHED = ("surge", "vocabulary", "base_rate", "meaning", "style_gap")
"""Kinds of effect that monitoring must find. Label noise, reposts and personal data are for notebook 02."""
DRIFTS = ("vocabulary", "base_rate", "meaning")
EFFECT_COLUMNS = ["effect", "place", "first_day", "last_day", "since", "status", "delay", "alert", "named", "remark"]


class Injected(NamedTuple):
    """An injected effect as the stream could show it; days of the stream, both included."""

    kind: str
    places: tuple[str, ...]
    first: int
    last: int


def effects(log: Log, truth: pd.DataFrame, start: date) -> list[Injected]:
    """Return the injected effects that the stream could show.

    What begins on the same day and is of the same kind is one change in several places (a change of meaning in some
    topics). What began before the stream, begins with it.

    Parameters
    ----------
    log
        The log.
    truth
        The simulation's effects: kind, first_day, last_day (of the world), company, topic, parameters.
    start
        The world's first date.

    Raises
    ------
    DataError
        If the log has no dates: then its days cannot be those of the world.
    """
    if log.start is None:
        raise DataError("the decision log has no times, so its days cannot be compared with the simulated world's")
    offset, end = (log.start - start).days, log.stream.days - 1
    changes: dict[tuple[object, ...], Injected] = {}
    for row in truth.to_dict(orient="records"):
        kind, first, last = str(row["kind"]), int(row["first_day"]) - offset, int(row["last_day"]) - offset
        if kind not in WATCHED or last < 0 or first > end:
            continue
        company, topic = str(row["company"] or ""), str(row["topic"] or "")
        places = tuple(named(column, value) for column, value in (("company", company), ("topics", topic)) if value)
        key = (kind, first, last, *(places if kind == "surge" else ()))
        before = changes[key].places if key in changes else ()
        changes[key] = Injected(kind, tuple(dict.fromkeys((*before, *places))), max(0, first), min(last, end))
    return sorted(changes.values(), key=lambda one: (one.first, one.kind, one.places))


def score(
    log: Log, alerts: pd.DataFrame, truth: pd.DataFrame, start: date, on_time: int = 7
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare alerts with the truth.

    Parameters
    ----------
    log
        The log, surges included.
    alerts
        From ``damage.table``.
    truth, start
        As for `effects`.
    on_time
        Days from an effect's beginning up to which its alert is on time, label delay included.

    Returns
    -------
    effects : DataFrame
        `EFFECT_COLUMNS`: status is ``found``, ``late``, ``missed``, or ``absent`` (a style gap was written into the
        texts, but the agent's decisions do not show it: nothing to find); delay in days from the effect's beginning
        to the day on which an alert named its cause; ``named`` is the share of its places that the alert names.
    alerts : DataFrame
        The alerts with ``verdict``: ``right``, ``again`` (a further alert about an effect already found), ``follows``
        (an effect began then, but the alert names another cause) or ``false alarm``.
    """
    injected, records = effects(log, truth, start), alerts.to_dict(orient="records")
    verdict, rows = [""] * len(records), []
    for effect in injected:
        hits = [at for at, alert in enumerate(records) if not verdict[at] and _matches(alert, effect, log)]
        hits.sort(key=lambda at: (records[at]["named"], -_named(records[at]["place"], effect.places)))
        status, delay, number, named, remark = "missed", np.nan, 0, np.nan, ""
        if hits:
            alert = records[hits[0]]
            delay = float(max(0, alert["named"] - effect.first))
            # A gap between styles is there from the first day on and can only be known by many outcomes.
            status = "found" if delay <= on_time or effect.kind == "style_gap" else "late"
            number, named = int(alert["alert"]), _named(alert["place"], effect.places)
            for at in hits:
                verdict[at] = "right" if at == hits[0] else "again"
        elif effect.kind == "style_gap":
            status, remark = _style(log)
        place, since = " & ".join(effect.places), log.date(effect.first)
        rows.append((effect.kind, place, effect.first, effect.last, since, status, delay, number, named, remark))
    for at, alert in enumerate(records):
        if not verdict[at]:
            verdict[at] = "follows" if any(_near(alert, effect) for effect in injected) else "false alarm"
    judged = alerts.assign(verdict=pd.Series(verdict, index=alerts.index, dtype="str"))
    return pd.DataFrame(rows, columns=EFFECT_COLUMNS), judged


@dataclass(frozen=True, eq=False)
class Truth:
    """What the watch is worth beside the truth: effects and alerts with their verdicts, or why nobody can say."""

    effects: pd.DataFrame | Sentence
    alerts: pd.DataFrame | Sentence
    figures: dict[str, float]


def against_truth(log: Log, alerts: pd.DataFrame) -> Truth:
    """Return `score` and `figures` beside the simulation's own truth; sentences in their place for real data."""
    source = log.scenario.source
    if not isinstance(source, SimulationSource):
        unknown = "Real data: nobody knows what really changed."
        return Truth(Sentence(unknown), Sentence("Alerts are judged by people here."), {})
    scored, judged = score(log, alerts, world.simulate(source).truth.effects, source.start)
    return Truth(scored, judged[["date", "title", "verdict"]], figures(log, scored, judged))


def figures(log: Log, scored: pd.DataFrame, judged: pd.DataFrame) -> dict[str, float]:
    """Return the flat numbers to record.

    ``drift_delay_days`` is the longest delay of the changes of vocabulary, base rate and meaning; one that was missed
    counts as the whole watch. Without such a change in the stream it is left out.
    """
    there = scored[scored["status"] != "absent"]
    result = {
        "effects": float(len(there)),
        "effects_found": float((there["status"] == "found").sum()),
        "effects_late": float((there["status"] == "late").sum()),
        "effects_missed": float((there["status"] == "missed").sum()),
        "alerts": float(len(judged)),
        "false_alarms": float((judged["verdict"] == "false alarm").sum()),
        "false_alarms_promised": log.scenario.monitoring.false_alarms * log.stream.days / 100,
    }
    drifts = there[there["effect"].isin(DRIFTS)]
    if len(drifts):
        result["drift_delay_days"] = float(drifts["delay"].fillna(log.last + 1).max())
    return result


def _matches(alert: dict[Hashable, Any], effect: Injected, log: Log) -> bool:
    if effect.kind == "style_gap":
        return bool(alert["cause"] == "fairness")
    if alert["cause"] != effect.kind and (alert["cause"], effect.kind) != (GOOD_NEWS, "surge"):
        return False
    if effect.kind == "surge":
        overlaps = alert["first_day"] <= effect.last + 1 and alert["last_day"] >= effect.first
        return bool(overlaps and set(effect.places) & set(apart(str(alert["place"]))))
    near = abs(alert["first_day"] - effect.first) <= log.scenario.monitoring.window_days
    return bool(near and alert["named"] >= effect.first)


def _near(alert: dict[Hashable, Any], effect: Injected) -> bool:
    if effect.kind == "surge":
        return bool(effect.first - SLACK <= alert["first_day"] <= effect.last + SLACK)
    return bool(effect.kind != "style_gap" and abs(alert["first_day"] - effect.first) <= SLACK + 1)


def _named(place: str, places: tuple[str, ...]) -> float:
    return len(set(places) & set(apart(place))) / len(places) if places else 1.0


def _style(log: Log) -> tuple[str, str]:
    """Say whether one of the agent's measures of fairness shows a gap that is worth an alert."""
    table = fairness.gaps(log)
    if table.empty:
        return "absent", "too few outcomes of each style to compare"
    recall = table[table["measure"] == fairness.measures(log)[0]]
    worst = (recall if len(recall) else table).iloc[0]
    points, low, high = (100 * worst[name] for name in ("value", "low", "high"))
    words = f"{worst['measure']} differs by {points:.1f} points [{low:.1f}, {high:.1f}]"
    clear = (table["p"] < 0.01) & (table["value"] >= log.scenario.monitoring.min_gap)
    if clear.any():
        return "missed", words
    return "absent", f"{words}: less than {100 * log.scenario.monitoring.min_gap:.0f}, or within chance"
