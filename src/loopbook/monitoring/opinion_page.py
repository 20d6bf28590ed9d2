"""Opinion in notebook 06: bands of sentiment, the series with its alarms, and what an incident goes with."""

from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd

from loopbook.figures import time_series
from loopbook.figures.figure import Figure
from loopbook.figures.sentence import Sentence
from loopbook.monitoring import associations, sentiment, waves
from loopbook.monitoring.alerts import IN_SEGMENTS, Incident
from loopbook.monitoring.segment_values import memberships
from loopbook.monitoring.sentiment import NEGATIVE
from loopbook.monitoring.timeline import ANSWER, Log, Mask
from loopbook.monitoring.watch import Watch

_PARTS = 6
"""Segments whose trend is drawn."""
_NAMED, _REASONS = 3, 10
FORMULA = Sentence(
    r"""**What it goes with.** A segment $v$ with $N_v$ bad rows on the incident's days contributes

$$c_v = N_v - n_0 \frac{h_v}{H}$$

to the excess: $h_v$ of the $H$ rows before were in $v$ and bad, and $n_0$ rows were to be expected on these days.
A column's contributions add up to the whole excess, so a segment ranks by what it adds. Beside it stands the excess
corrected for the classifier's errors, $p = C^{-1}q$, with its 95% interval. *Goes with*, never *because of*."""
)


def shown(seen: Watch) -> tuple[Any, ...]:
    """Return what a scenario that watches sentiment shows below its alerts; nothing for others."""
    read = sentiment.read(seen.log)
    if read is None:
        return ()
    told = (trend(seen), alarms(seen), *segments(seen.log))
    stories = story(seen)
    if stories.empty:
        return told
    tables = [(Sentence(f"**Alert {number}**"), reasons(seen, seen.incidents[number - 1])) for number in stories.index]
    return (*told, stories, FORMULA, *(part for table in tables for part in table))


def trend(seen: Watch) -> Figure:
    """Draw the share of bad news by day: the answers, corrected, and the band in which a usual day lies."""
    log = seen.log
    name, table = _name(log), _bands(log)
    outside = (table["share"] > table["upper"]) | (table["share"] < table["lower"])
    corrected = "corrected for errors"
    frame = pd.DataFrame(
        {
            f"share of {name} answers": table["share"],
            **({corrected: table["corrected"]} if table["corrected"].notna().any() else {}),
            **{f"{corrected}, {end}": table[end] for end in ("low", "high") if table["corrected"].notna().any()},
            **{part: table[part] for part in time_series.BAND},
        }
    )
    first = log.date(int(np.argmax(outside))) if outside.any() else ""
    days = f"{int(outside.sum())} of {len(table)} days"
    return time_series.chart(
        frame,
        title=f"Share of {name}: outside its band on {days}, first on {first}" if first else
        f"Share of {name}: inside its band on all {len(table)} days",
        y=f"share of {name}",
        alt=f"Share of {name} among the answers by day, {table['share'].min():.0%} to {table['share'].max():.0%}, "
        f"where {table['expected'].mean():.0%} is usual; outside the band on {days}.",
        marks=_marks(seen),
        share=True,
    )  # fmt: skip


def alarms(seen: Watch) -> Figure:
    """Draw how many posts and bad ones came by day, with the day of each alert."""
    log, units, name = seen.log, seen.log.scenario.task.units, _name(seen.log)
    bad = _negative(log)
    counts = {
        units: np.bincount(log.stream.day, minlength=log.stream.days),
        name: np.bincount(log.stream.day[bad], minlength=log.stream.days),
    }
    frame = pd.DataFrame(counts, index=log.dates(range(log.stream.days)))
    alerts = seen.alerts
    when = ", ".join(f"{row.alert} on {row.date}" for row in alerts.itertuples())
    return time_series.chart(
        frame,
        title=f"{len(alerts)} alert{'s' * (len(alerts) != 1)} in {log.stream.days} days, marked on the day of telling",
        y=f"{units} a day",
        alt=f"{units.capitalize()} and {name} ones by day, with the days of the alerts: {when or 'none'}.",
        marks=_marks(seen),
    )


def segments(log: Log) -> list[Figure]:
    """Draw the trend of the commonest segments of each column, one picture."""
    ranked = [
        pd.Series([name for _, name in memberships(log.stream.frame, (column,))], dtype="str").value_counts().index
        for column in log.scenario.monitoring.segments
    ]
    names = [name for rank in zip_longest(*ranked) for name in rank if name is not None][:_PARTS]
    if not names:
        return []
    parts = {name: _bands(log, associations.members(log, (name,)))[["share", *time_series.BAND]] for name in names}
    worst = max(parts, key=lambda name: float((parts[name]["share"] - parts[name]["upper"]).max()))
    last = "; ".join(f"{name} {part['share'].iloc[-1]:.0%} at the end" for name, part in parts.items())
    return [
        time_series.multiples(
            parts,
            title=f"Furthest above its band: {worst}",
            y=f"share of {_name(log)}",
            alt=f"Share of {_name(log)} by day in the commonest segments: {last}.",
        )
    ]


def story(seen: Watch) -> pd.DataFrame:
    """Return the surges, waves and good news by alert, the one that is expected to cost most first.

    Beginning, peak and end, what the decisions are expected to cost more than usual, and typical words and rows.
    """
    rows = seen.alerts[seen.alerts["cause"].isin([*IN_SEGMENTS, "base_rate"])].set_index("alert")
    rows = rows.sort_values("expected_cost", ascending=False, kind="stable")
    costs = rows["expected_cost"].map("{:,.0f}".format)
    told = rows.assign(expected_cost=costs, rows=rows["rows"].str.split("\n").str[0])
    told = told.rename(columns={"expected_cost": f"expected cost, {seen.log.scenario.currency}", "rows": "typical"})
    return told[["since", "peak", "until", *told.filter(like="expected cost").columns, "words", "typical"]]


def reasons(seen: Watch, incident: Incident) -> pd.DataFrame:
    """Return what an incident goes with: posts seen and expected by segment, the excess, its share, corrected."""
    table = associations.contributions(seen.log, associations.scope(seen.log, incident, seen.surge_rows))
    table = table[table["column"] != ANSWER].groupby("column", sort=False).head(_REASONS)
    told = table.assign(share=table["share"].map("{:.0%}".format)).drop(columns="column")
    return told.round(1).set_index("segment")


def _name(log: Log) -> str:
    read = sentiment.read(log)
    assert read is not None, "only of a scenario that watches sentiment"
    return f"“{read.name}”"


def _negative(log: Log) -> Mask:
    read = sentiment.read(log)
    return np.zeros(len(log.stream), bool) if read is None else read.stream == NEGATIVE


def _bands(log: Log, rows: tuple[Mask, Mask] | None = None) -> pd.DataFrame:
    table = waves.bands(log, rows)
    assert table is not None, "only of a scenario that watches sentiment"
    return table.set_axis(log.dates(range(log.stream.days)), axis=0)


def _marks(seen: Watch) -> dict[str, Any]:
    """Return the day of each alert, by its number in the table."""
    days = seen.log.dates(seen.alerts["day"].to_numpy("int64"))
    return {f"alert {row.alert}": day for row, day in zip(seen.alerts.itertuples(), days, strict=True)}
