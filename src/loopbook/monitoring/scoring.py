"""Scoring: in a simulated world the truth is known, so every injected effect is found, late or missed, and every alert
right or false.
"""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd

from loopbook.monitoring import fairness
from loopbook.monitoring.alerts import SLACK
from loopbook.monitoring.timeline import Log
from loopbook.scenario.errors import DataError

WATCHED = ("surge", "vocabulary", "base_rate", "meaning", "style_gap")
"""Kinds of effect that monitoring must find. Label noise, reposts and personal data are for notebook 02."""
DRIFTS = ("vocabulary", "base_rate", "meaning")
_CAUSE = {"style_gap": "fairness"}
EFFECT_COLUMNS = ["effect", "place", "first_day", "last_day", "since", "status", "delay", "alert", "named", "remark"]


def effects(log: Log, truth: pd.DataFrame, start: date) -> pd.DataFrame:
    """Return the injected effects that the stream could show, one row a change.

    What begins on the same day and is of the same kind is one change in several places (a change of meaning in three
    topics). Days are those of the stream; what began before it, begins with it.

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
    offset = (log.start - start).days
    rows = []
    watched = truth[truth["kind"].isin(WATCHED)]
    for (kind, first, last), group in watched.groupby(["kind", "first_day", "last_day"], sort=False):
        begins, ends = int(first) - offset, int(last) - offset
        if ends < 0 or begins >= log.stream.days:
            continue
        if kind == "surge":
            places = [
                tuple(
                    f"{column}={value}" for column, value in (("company", row.company), ("topics", row.topic)) if value
                )
                for row in group.itertuples()
            ]
        else:
            places = [tuple(f"topics={topic}" for topic in group["topic"] if topic)]
        for place in places:
            rows.append((kind, place, max(0, begins), min(ends, log.stream.days - 1)))
    table = pd.DataFrame(rows, columns=["effect", "place", "first_day", "last_day"])
    return table.sort_values(["first_day", "effect"], kind="stable").reset_index(drop=True)


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
        `EFFECT_COLUMNS`: status is ``found``, ``late``, ``missed``, or ``absent`` (a style gap was written into the texts,
        but the agent's recall does not show it: nothing to find); delay in days from the effect's beginning to the
        day on which an alert named its cause; ``named`` is the share of its places that the alert names.
    alerts : DataFrame
        The alerts with ``verdict``: ``right``, ``again`` (a further alert about an effect already found), ``follows`` (an
        effect began then, but the alert names another cause) or ``false alarm``.
    """
    injected = effects(log, truth, start)
    verdict = pd.Series("", index=alerts.index, dtype="str")
    rows = []
    for effect in injected.itertuples():
        kind, place = str(effect.effect), tuple(effect.place)
        hits = [at for at in alerts.index if not verdict[at] and _matches(alerts.loc[at], effect, log)]
        hits.sort(key=lambda at: (alerts.loc[at, "named"], -_named(str(alerts.loc[at, "place"]), place)))
        since, status, delay, number, named, remark = log.date(int(effect.first_day)), "missed", np.nan, 0, np.nan, ""
        if hits:
            alert = alerts.loc[hits[0]]
            delay = float(max(0, alert["named"] - effect.first_day))
            status = "found" if delay <= on_time or kind == "style_gap" else "late"
            number, named = int(alert["alert"]), _named(str(alert["place"]), place)
            verdict[hits[0]] = "right"
            verdict[hits[1:]] = "again"
        elif kind == "style_gap":
            status, remark = _style(log)
        rows.append(
            (kind, " & ".join(place), effect.first_day, effect.last_day, since, status, delay, number, named, remark)
        )
    for at in alerts.index[verdict == ""]:
        follows = [effect for effect in injected.itertuples() if _near(alerts.loc[at], effect)]
        verdict[at] = "follows" if follows else "false alarm"
    return pd.DataFrame(rows, columns=EFFECT_COLUMNS), alerts.assign(verdict=verdict)


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


def describe(truth: pd.DataFrame) -> pd.DataFrame:
    """Return the truth for a reader: kind, first_day, last_day, place, and parameters as words."""
    words = [
        ", ".join(f"{name} {value}" for name, value in json.loads(text).items() if not isinstance(value, dict))
        for text in truth["parameters"]
    ]
    place = truth["company"].astype(str) + truth["topic"].astype(str).map(lambda topic: f" {topic}" if topic else "")
    return truth[["kind", "first_day", "last_day"]].assign(place=place.str.strip(), parameters=words)


def _matches(alert: pd.Series, effect: object, log: Log) -> bool:
    kind, place = str(effect.effect), set(effect.place)  # type: ignore[attr-defined]
    first, last = int(effect.first_day), int(effect.last_day)  # type: ignore[attr-defined]
    if alert["cause"] != _CAUSE.get(kind, kind):
        return False
    if kind == "style_gap":
        return True
    if kind == "surge":
        overlaps = alert["first_day"] <= last + 1 and alert["last_day"] >= first
        return bool(overlaps and place & set(str(alert["place"]).split(" & ")))
    return bool(abs(alert["first_day"] - first) <= log.scenario.monitoring.window_days and alert["named"] >= first)


def _near(alert: pd.Series, effect: object) -> bool:
    first, last = int(effect.first_day), int(effect.last_day)  # type: ignore[attr-defined]
    if effect.effect == "style_gap":  # type: ignore[attr-defined]
        return False
    if effect.effect == "surge":  # type: ignore[attr-defined]
        return bool(first - SLACK <= alert["first_day"] <= last + SLACK)
    return bool(abs(alert["first_day"] - first) <= SLACK + 1)


def _named(named: str, places: tuple[str, ...]) -> float:
    if not places:
        return 1.0
    return len(set(places) & set(named.split(" & "))) / len(places)


def _style(log: Log) -> tuple[str, str]:
    """Say whether the agent's recall or false-positive rate shows a gap that is worth an alert."""
    table = fairness.gaps(log)
    if table.empty:
        return "absent", "too few outcomes of each style to compare"
    recall = table[table["measure"] == "recall"]
    worst = (recall if len(recall) else table).iloc[0]
    words = f"{worst['measure']} differs by {worst['value']:.1%} [{worst['low']:.1%}, {worst['high']:.1%}]"
    clear = (table["p"] < 0.05) & (table["value"] >= log.scenario.monitoring.min_gap)
    if clear.any():
        return "missed", words
    return "absent", f"{words}: less than {log.scenario.monitoring.min_gap:.0%}, or within chance"
