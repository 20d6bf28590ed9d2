"""Row-by-row validation: every row of the source becomes a canonical row or a row in quarantine; none vanishes."""

import hashlib
import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import interactions, labels, parsing, row_checks, sources, tables
from loopbook.data.row_checks import Verdict
from loopbook.data.sources import Collected
from loopbook.privacy import personal_data
from loopbook.scenario.contract import Scenario
from loopbook.scenario.data import DataSettings
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import Source
from loopbook.scenario.task import Ranking

CANONICAL = ("row_id", "time", "group", "label", "weight")
"""Columns that every split has, and of a ranking `task.RANKED`; one of the source with such a name is ``…_source``."""

_NO_LABEL = "missing-label"


def validate(
    collected: Collected, scenario: Scenario, today: date, salt: str | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows in canonical form, and the quarantine.

    Parameters
    ----------
    collected
        What came from the source.
    scenario
        Its source names the columns, its task the inputs and the label, its data section the limits.
    today
        A row of a later day (UTC) is a mistake; simulated rows may lie in the future.
    salt
        Salt of the pseudonyms that replace the source's personal columns; None: the scenario's name.

    Returns
    -------
    rows
        Columns ``row_id, time, group, label, weight``, of a ranking `task.RANKED`, then the source's others; texts
        normalised. The index is the line in the source.
    quarantine
        Columns ``line, reason, detail, row``, by line. ``len(rows) + len(quarantine)`` is the source's row count.

    Raises
    ------
    DataError
        If a named column is missing, if more rows than ``data.max_quarantine_share`` are bad, or if the good rows
        have one class only.
    """
    salt = scenario.name if salt is None else salt
    collected, columns, verdict, labelled = _checked(collected, scenario, today, salt)
    frame = collected.frame
    quarantine = row_checks.quarantine(collected, verdict, set(scenario.source.personal), scenario.data, salt)
    row_checks.refuse_too_many(quarantine, len(frame) + len(collected.broken), scenario.data.max_quarantine_share)
    good = verdict.good & labelled
    if not good.any():
        raise DataError(f"No row is left after validation: all {len(quarantine):,} are in quarantine.")
    rows = pd.DataFrame(columns, index=frame.index)[good]
    rows.index = pd.Index(collected.lines[good], name="line")
    raw = frame[scenario.task.label.column][good]
    labels.refuse_one_class(rows["label"], raw, scenario.task, scenario.source)
    return rows, quarantine


def unlabelled(collected: Collected, scenario: Scenario, today: date) -> pd.DataFrame:
    """Return the rows that have no label and are good otherwise, in canonical form.

    There are none without `data.weak_labels` or `data.unlabelled_rows`. Their `label` says nothing. See `validate` for
    the parameters.
    """
    if not _keeps(scenario):
        return pd.DataFrame()
    collected, columns, verdict, labelled = _checked(collected, scenario, today, scenario.name)
    asked = verdict.good & ~labelled
    rows = pd.DataFrame(columns, index=collected.frame.index)[asked]
    rows.index = pd.Index(collected.lines[asked], name="line")
    return rows


def decidable(collected: Collected, scenario: Scenario, today: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows that can be decided on, in canonical form, and the quarantine; labels are not looked at.

    Labels, truth, segments and protected attributes need not be there. See `validate` for the parameters; nothing is
    refused as a whole for the number of bad rows.

    Raises
    ------
    DataError
        If another column that the scenario names is missing.
    """
    own = list(map(str, collected.frame))
    collected, alone = tables.join(collected, tables.read(collected, scenario))
    frame, verdict = collected.frame, Verdict(len(collected.frame))
    for row in alone:
        verdict.note(*row)
    known_later = filter(None, (*scenario.task.learned, *scenario.segments, scenario.source.truth))
    frame = frame.assign(**{name: "" for name in known_later if name not in frame})
    sources.require(scenario, frame.columns, "What came in")
    columns = _canonical(frame, scenario, verdict, today, scenario.name, own, labelled=False)
    rows = pd.DataFrame(columns, index=frame.index)[verdict.good]
    rows.index = pd.Index(collected.lines[verdict.good], name="line")
    whole, personal = replace(collected, frame=frame), set(scenario.source.personal)
    return rows, row_checks.quarantine(whole, verdict, personal, scenario.data, scenario.name)


def _checked(
    collected: Collected, scenario: Scenario, today: date, salt: str
) -> tuple[Collected, dict[str, Any], Verdict, NDArray[np.bool_]]:
    """Return the rows as joined, their columns, what is wrong with each, and which have a label or need one."""
    collected, alone, own = _joined(collected, scenario, salt)
    frame, label = collected.frame, scenario.task.label.column
    verdict = Verdict(len(frame), _NO_LABEL if _keeps(scenario) else "")
    if not len(frame):
        return collected, {}, verdict, verdict.good
    for row in alone:
        verdict.note(*row)
    sources.require(scenario, frame.columns, "The source")
    columns = _canonical(frame, scenario, verdict, today, salt, own)
    missing = parsing.is_missing(parsing.strings(frame[label]), scenario.source.missing.get(label))
    return collected, columns, verdict, ~np.asarray(missing, dtype=bool) | (not _keeps(scenario))


def _joined(
    collected: Collected, scenario: Scenario, salt: str
) -> tuple[Collected, tuple[tables.Alone, ...], list[str]]:
    """Return the rows with what a ranking draws, further tables and what was taken before; and their own columns."""
    known = tables.read(collected, scenario, salt)
    if not isinstance(scenario.task, Ranking):
        return *tables.join(collected, known), list(map(str, collected.frame))
    drawn = interactions.drawn(collected, scenario.task, scenario.source, tables.keys(known, scenario.task.item))
    joined, alone = tables.join(drawn, known)
    return interactions.remembered(joined, scenario.task, scenario.source), alone, list(map(str, drawn.frame))


def _keeps(scenario: Scenario) -> bool:
    """Return whether rows without a label are no quarantine."""
    return scenario.data.weak_labels or scenario.data.unlabelled_rows


def window(rows: pd.DataFrame, settings: DataSettings) -> pd.DataFrame:
    """Return the rows of the days from ``start`` to before ``end``, and of these at most ``rows``, the earliest.

    Raises
    ------
    DataError
        If days are asked for where rows have no time, or if nothing is left.
    """
    if settings.start or settings.end:
        if rows["time"].isna().any():
            raise DataError("data.start and data.end need a time for every row: name the column in source.time.")
        first, last = rows["time"].min(), rows["time"].max()
        rows = rows[rows["time"] >= pd.Timestamp(settings.start or first.date(), tz="UTC")]
        rows = rows[rows["time"] < pd.Timestamp(settings.end or last.date() + timedelta(days=1), tz="UTC")]
        if not len(rows):
            raise DataError(
                f"No row lies in the window from data.start to data.end; the rows span {first.date()} to {last.date()}."
            )
    return rows if settings.rows is None else rows.sort_values("time", kind="stable").head(settings.rows)


def _canonical(
    frame: pd.DataFrame,
    scenario: Scenario,
    verdict: Verdict,
    today: date,
    salt: str,
    own: list[str],
    labelled: bool = True,
) -> dict[str, Any]:
    """Return the columns of all rows, the bad ones included, and note in `verdict` what is wrong.

    `own` are the columns of the rows themselves, by which they are known. With `labelled` off nothing is wrong with a
    label.
    """
    source = scenario.source

    def hidden(name: str | None, values: list[str]) -> list[str]:
        personal = name in source.personal
        return [personal_data.pseudonym(value, salt) if value else "" for value in values] if personal else values

    if source.time:
        time = _times(frame[source.time], source, verdict, None if scenario.simulated else today)
    else:
        time = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    note = verdict.note if labelled else lambda *_: None
    label, weight = labels.read(frame, scenario.task, source, note)
    fields = row_checks.typed(frame, scenario.task.fields, source, scenario.data, verdict)
    texts = [fields[name] for name in scenario.task.text_fields]
    if texts:
        empty = [not any(parts) for parts in zip(*texts, strict=True)]
        verdict.note(empty, "empty-text", f"nothing to read in {', '.join(scenario.task.text_fields)}")
    ranking = scenario.task if isinstance(scenario.task, Ranking) else None
    together = source.group or (ranking.query if ranking else None)
    groups = parsing.strings(frame[together]) if together else None
    if groups is not None and source.group:
        verdict.note([not value for value in groups], "missing-group", f"no {together}")
    ids = hidden(source.id, _ids(frame[own], source, verdict))
    group = ids if groups is None else hidden(together, groups)
    if series := getattr(source, "series", None):
        group = _stretches(time, series.window_hours)
    columns: dict[str, Any] = {"row_id": ids, "time": time, "group": group, "label": label, "weight": weight}
    columns |= interactions.columns(frame, ranking, source, time, hidden, verdict.note) if ranking else {}
    canonical = tuple(columns)
    columns |= labels.also(frame, scenario.task, source)
    for name in map(str, frame.columns):
        if name in (source.id, source.time) and name not in scenario.task.fields:
            continue
        if name in source.personal:
            values: Any = hidden(name, parsing.strings(frame[name]))
        else:
            values = fields[name] if name in fields else row_checks.other(frame[name])
        columns[f"{name}_source" if name in canonical else name] = values
    return columns


def _stretches(time: "pd.Series[Any]", hours: float) -> list[str]:
    """Return the stretch, as long as a window, in which each window ends: those that look back on the same readings.

    They are one group, so that an interval does not take them for so many witnesses (block bootstrap: Künsch 1989).
    """
    begins = time.dt.floor(pd.Timedelta(hours=hours))
    return [str(begin) for begin in begins.dt.strftime("%Y-%m-%dT%H:%M").fillna("")]


def _times(values: "pd.Series[Any]", source: Source, verdict: Verdict, today: date | None) -> "pd.Series[Any]":
    formats = () if getattr(source, "series", None) else source.time_formats  # a window's end is written as ISO 8601
    read, missing = parsing.times(values, formats, source.missing.get(str(values.name)))
    verdict.note(missing, "missing-time", f"no {values.name}")
    remedy = "write YYYY-MM-DD or ISO 8601, or name its form in source.time_formats"
    verdict.note(
        read.isna().to_numpy(),
        "bad-time",
        lambda position: f"{values.name} is {parsing.plain(values.iloc[position])!r}; {remedy}",
    )
    if today is not None:
        late = (read >= pd.Timestamp(today + timedelta(days=1), tz="UTC")).to_numpy()
        verdict.note(late, "future-date", lambda position: f"{values.name} is after {today}: {read.iloc[position]}")
    return read


def _ids(frame: pd.DataFrame, source: Source, verdict: Verdict) -> list[str]:
    """Return unique ids: the source's, or a hash of the row's content with the number of its occurrence."""
    column = source.id
    if column is None:
        rows = zip(*(parsing.strings(frame[name]) for name in frame.columns), strict=True)
        texts = (json.dumps(values, ensure_ascii=False).encode("utf-8", "replace") for values in rows)
        digests = pd.Series([hashlib.sha256(text).hexdigest()[:16] for text in texts])
        before = digests.groupby(digests).cumcount()
        return [f"{digest}-{count + 1}" if count else digest for digest, count in zip(digests, before, strict=True)]
    ids = parsing.strings(frame[column])
    verdict.note(parsing.is_missing(ids, source.missing.get(column)), "missing-id", f"no {column}")
    repeated = pd.Series(ids, dtype=object).where(verdict.good).duplicated()
    verdict.note(repeated, "duplicate-id", f"an earlier row has the same {column}")
    return ids
