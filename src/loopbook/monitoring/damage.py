"""Cost of an incident so far, estimated from the outcomes that are known."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from loopbook.monitoring import associations, fairness
from loopbook.monitoring.alerts import CAUSES, IN_SEGMENTS, Incident, sentence
from loopbook.monitoring.new_classes import place
from loopbook.monitoring.segment_values import memberships
from loopbook.monitoring.surges import GOOD_NEWS
from loopbook.monitoring.timeline import Floats, Log, Mask, Side
from loopbook.statistics.intervals import Z
from loopbook.statistics.targets import NO_CLASS

_LEAST_ROWS = 20  # decisions with a known outcome below which no cost is estimated


def table(log: Log, signals: pd.DataFrame, incidents: Sequence[Incident], surges: tuple[Mask, Mask]) -> pd.DataFrame:
    """Return the alerts: one row an incident.

    Parameters
    ----------
    log
        The whole log, surges included.
    signals, incidents
        From ``alerts.incidents``.
    surges
        Rows of stream and reference that belong to surges (``Surges``): they count for their surge only.

    Returns
    -------
    DataFrame
        alert (a number from 1), id (stays from night to night), cause, place, title (a sentence), evidence (the
        signals' sentences, the cause's first), first_day, last_day, day, named (days of the stream), since, peak,
        until (empty while it lasts), date (of the alert; names of days), signals (how many), p (the smallest),
        decisions (concerned), cost, cost_low, cost_high (what those decisions cost more than was usual, with a 95%
        interval; NaN where too few outcomes are known), expected_cost (by the model's probabilities, long before
        outcomes are known: what the decisions concerned cost more than those to be expected in their place); told
        (whether it is good news, and no alarm); associated, words, rows (``associations``; the rows a line each).
    """
    drifts = [one for one in incidents if one.cause not in (*IN_SEGMENTS, "fairness", "volume")]
    rows = []
    ahead = _expected(log.stream, log), _expected(log.reference, log)
    for number, one in enumerate(incidents, 1):
        where = associations.scope(log, one, surges)
        if one.cause == "fairness":
            decisions, cost, low, high = _unequal(log, one)
            extra = cost
        else:
            concerned, usual = _rows(log, one, drifts, surges[0])
            decisions, (cost, low, high) = int(concerned.sum()), _extra(log, concerned, usual)
            extra = _ahead(ahead, concerned, where if one.cause in IN_SEGMENTS else None, usual)
        own = signals.loc[list(one.signals)]
        ranked = own.assign(symptom=own["check"].map(lambda check, cause=one.cause: CAUSES.get(check, check) != cause))
        ranked = ranked.sort_values(["symptom", "p"], kind="stable").drop_duplicates(["check", "place"])
        evidence = "; ".join(ranked["evidence"].tolist())
        rows.append(
            {
                "alert": number,
                "id": one.id(log),
                "cause": one.cause,
                "place": " & ".join(one.places),
                "title": sentence(log, one),
                "evidence": evidence,
                "first_day": one.first,
                "last_day": one.last,
                "day": one.day,
                "named": one.named,
                "since": log.date(one.first),
                "peak": log.date(one.peak),
                "until": "" if one.open else log.date(one.last),
                "date": log.date(one.day),
                "signals": len(one.signals),
                "p": float(own["p"].min()),
                "decisions": decisions,
                "cost": cost,
                "cost_low": low,
                "cost_high": high,
                "expected_cost": extra,
                "told": one.cause == GOOD_NEWS,
                **_story(log, one, where),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [
    "alert",
    "id",
    "cause",
    "place",
    "title",
    "evidence",
    "first_day",
    "last_day",
    "day",
    "named",
    "since",
    "peak",
    "until",
    "date",
    "signals",
    "p",
    "decisions",
    "cost",
    "cost_low",
    "cost_high",
    "expected_cost",
    "told",
    "associated",
    "words",
    "rows",
]


def _story(log: Log, one: Incident, where: associations.Scope) -> dict[str, str]:
    """Return what a surge, a wave or good news goes with, in words; empty of other incidents."""
    if one.cause not in IN_SEGMENTS and (one.cause != "base_rate" or where.kind is None):
        return dict.fromkeys(("associated", "words", "rows"), "")
    spoken, rows = associations.words(log, where)
    table = associations.contributions(log, where)
    return {
        "associated": associations.described(table),
        "words": ", ".join(spoken),
        "rows": "\n".join(" ".join(row.split()) for row in rows),
    }


def _expected(side: Side, log: Log) -> Floats:
    """Return what each decision was expected to cost, float64 [n]; NaN where the model was not asked, or of numbers."""
    if log.prices.functions:
        return np.full(len(side), np.nan)
    return log.prices.expected(side.probability)[np.arange(len(side)), side.action]  # -1: asking a person


def _ahead(costs: tuple[Floats, Floats], concerned: Mask, where: associations.Scope | None, usual: Mask) -> float:
    """Return by how much decisions are expected to cost more than those that were to be expected in their place."""
    own, before = costs[0][concerned], _costs(costs[0][usual])
    before = before if len(before) >= _LEAST_ROWS else np.concatenate([before, _costs(costs[1])])
    if not len(before) or not len(_costs(own)):
        return float("nan")
    rows = float(concerned.sum()) if where is None else where.usual
    return float(np.nansum(own) - rows * before.mean())


def _rows(log: Log, one: Incident, drifts: Sequence[Incident], surge_rows: Mask) -> tuple[Mask, Mask]:
    """Return the stream's rows that an incident concerns, and those that show what was usual before it.

    A change lasts until the next one begins, and is compared with what was between the one before and itself: so each
    incident answers for its own share.
    """
    day = log.stream.day
    inside = np.ones(len(log.stream), bool)
    if one.places and one.cause in (*IN_SEGMENTS, "meaning"):
        inside = _members(log, one.places[:1] if one.cause != "meaning" else one.places)
    if one.cause == "new_class":
        inside = np.isin(log.stream.code, [at for at, name in enumerate(log.classes) if place(name) in one.places])
    if one.cause in (*IN_SEGMENTS, "volume", "new_class"):
        concerned = inside & (day >= one.first) & (day <= one.last)
        quiet = ~surge_rows & (day < min([other.first for other in drifts], default=log.stream.days))
        return concerned, quiet & ~concerned
    earlier = max([other.first for other in drifts if other.first < one.first], default=0)
    later = min([other.first for other in drifts if other.first > one.first], default=log.stream.days)
    kept = inside & ~surge_rows
    return kept & (day >= one.first) & (day < later), kept & (day >= earlier) & (day < one.first)


def _members(log: Log, places: tuple[str, ...]) -> Mask:
    rows = np.zeros(len(log.stream), bool)
    wanted = set(places)
    rows[[row for row, name in memberships(log.stream.frame, log.segments) if name in wanted]] = True
    return rows


def _extra(log: Log, concerned: Mask, usual: Mask) -> tuple[float, float, float]:
    """Return by how much more the concerned decisions cost than as many usual ones, with a 95% interval."""
    now, before = _costs(log.stream.cost[concerned]), _costs(log.stream.cost[usual])
    if len(before) < _LEAST_ROWS:
        before = np.concatenate([before, _costs(log.reference.cost)])
    if len(now) < _LEAST_ROWS or len(before) < _LEAST_ROWS:
        return float("nan"), float("nan"), float("nan")
    decisions = float(concerned.sum())
    value = float(now.mean() - before.mean()) * decisions
    half = Z * decisions * float(np.sqrt(now.var(ddof=1) / len(now) + before.var(ddof=1) / len(before)))
    return value, value - half, value + half


def _unequal(log: Log, one: Incident) -> tuple[int, float, float, float]:
    """Return the decisions about the worse-off group, and what its lower recall or accuracy costs on the stream.

    A decision that is missed costs more than the right one what the other actions do so in the mean.
    """
    table = fairness.gaps(log)
    table = table[(table["attribute"] == one.places[0]) & (table["measure"] == fairness.measures(log)[0])]
    if table.empty:
        return 0, float("nan"), float("nan"), float("nan")
    gap = table.iloc[0]
    members = log.stream.frame[one.places[0]].astype(str).to_numpy() == gap["lower"]
    counted = members & (log.stream.code != NO_CLASS if log.several else log.stream.code == 1)
    prices = log.prices.by_row(log.truth(log.stream)[counted])
    best = prices.min(axis=1, keepdims=True)
    missed = float((prices - best).sum()) / max(1, prices.shape[1] - 1)
    value, low, high = (float(gap[name]) * missed for name in ("value", "low", "high"))
    return int(members.sum()), value, low, high


def _costs(values: Floats) -> Floats:
    return values[~np.isnan(values)]
