"""Row-by-row validation: every row of the source becomes a canonical row or a row in quarantine; none vanishes."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import interactions, labels, parsing, sources
from loopbook.data.cleaning import normalise, shorten
from loopbook.data.sources import Collected
from loopbook.privacy import personal_data
from loopbook.scenario.contract import Scenario
from loopbook.scenario.data import DataSettings
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import Source
from loopbook.scenario.task import Ranking

CANONICAL = ("row_id", "time", "group", "label", "weight")
"""Columns that every split has, and of a ranking `task.RANKED`; one of the source with such a name is ``…_source``."""

QUARANTINE = ("line", "reason", "detail", "row")

_NO_LABEL = "missing-label"
_SHOWN = 80  # characters of a value in a quarantined row
_SHOWN_COLUMNS = 30


class _Verdict:
    """The first thing that is wrong with each row."""

    def __init__(self, rows: int, allowed: str = "") -> None:
        self.allowed = allowed
        self.reason = np.full(rows, "", dtype=object)
        self.detail = np.full(rows, "", dtype=object)

    def note(self, bad: Any, reason: str, detail: str | Callable[[int], str]) -> None:
        """Mark the rows where `bad` holds and nothing was wrong before; a detail is made of a row's position."""
        fresh = np.flatnonzero(np.asarray(bad, dtype=bool) & self.good & (reason != self.allowed))
        self.reason[fresh] = reason
        self.detail[fresh] = detail if isinstance(detail, str) else [detail(position) for position in fresh.tolist()]

    @property
    def good(self) -> NDArray[np.bool_]:
        return np.asarray(self.reason == "", dtype=bool)


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
    frame = collected.frame
    salt = scenario.name if salt is None else salt
    columns, verdict, labelled = _checked(collected, scenario, today, salt)
    quarantine = _quarantine(collected, verdict, scenario, salt)
    _refuse_too_many(quarantine, len(frame) + len(collected.broken), scenario.data.max_quarantine_share)
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
    columns, verdict, labelled = _checked(collected, scenario, today, scenario.name)
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
    frame, verdict = collected.frame, _Verdict(len(collected.frame))
    known_later = filter(None, (*scenario.task.learned, *scenario.segments, scenario.source.truth))
    frame = frame.assign(**{name: "" for name in known_later if name not in frame})
    sources.require(scenario, frame.columns, "What came in")
    columns = _canonical(frame, scenario, verdict, today, scenario.name, labelled=False)
    rows = pd.DataFrame(columns, index=frame.index)[verdict.good]
    rows.index = pd.Index(collected.lines[verdict.good], name="line")
    return rows, _quarantine(replace(collected, frame=frame), verdict, scenario, scenario.name)


def _checked(
    collected: Collected, scenario: Scenario, today: date, salt: str
) -> tuple[dict[str, Any], _Verdict, NDArray[np.bool_]]:
    """Return the columns of all rows, what is wrong with each, and which have a label or need one."""
    frame, label = collected.frame, scenario.task.label.column
    verdict = _Verdict(len(frame), _NO_LABEL if _keeps(scenario) else "")
    if not len(frame):
        return {}, verdict, verdict.good
    sources.require(scenario, frame.columns, "The source")
    columns = _canonical(frame, scenario, verdict, today, salt)
    missing = parsing.is_missing(parsing.strings(frame[label]), scenario.source.missing.get(label))
    return columns, verdict, ~np.asarray(missing, dtype=bool) | (not _keeps(scenario))


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
    frame: pd.DataFrame, scenario: Scenario, verdict: _Verdict, today: date, salt: str, labelled: bool = True
) -> dict[str, Any]:
    """Return the columns of all rows, the bad ones included, and note in `verdict` what is wrong.

    With `labelled` off nothing is wrong with a label.
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
    fields = _fields(frame, scenario, verdict)
    ranking = scenario.task if isinstance(scenario.task, Ranking) else None
    together = source.group or (ranking.query if ranking else None)
    groups = parsing.strings(frame[together]) if together else None
    if groups is not None and source.group:
        verdict.note([not value for value in groups], "missing-group", f"no {together}")
    ids = hidden(source.id, _ids(frame, source, verdict))
    group = ids if groups is None else hidden(together, groups)
    columns: dict[str, Any] = {"row_id": ids, "time": time, "group": group, "label": label, "weight": weight}
    columns |= interactions.columns(frame, ranking, source, time, hidden, verdict.note) if ranking else {}
    own = tuple(columns)
    columns |= labels.also(frame, scenario.task, source)
    for name in map(str, frame.columns):
        if name in (source.id, source.time) and name not in scenario.task.fields:
            continue
        if name in source.personal:
            values: Any = hidden(name, parsing.strings(frame[name]))
        else:
            values = fields[name] if name in fields else _other(frame[name])
        columns[f"{name}_source" if name in own else name] = values
    return columns


def _times(values: "pd.Series[Any]", source: Source, verdict: _Verdict, today: date | None) -> "pd.Series[Any]":
    read, missing = parsing.times(values, source.time_formats, source.missing.get(str(values.name)))
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


def _fields(frame: pd.DataFrame, scenario: Scenario, verdict: _Verdict) -> dict[str, Any]:
    """Return the input fields in their types."""
    fields: dict[str, Any] = {}
    limit = scenario.data.max_characters
    for name, kind in scenario.task.fields.items():
        if kind == "number":
            written_as = labels.notation(scenario.source, name)
            numbers, bad = parsing.numbers(frame[name], written_as)
            verdict.note(bad, "bad-number", labels.no_number(frame[name], written_as.decimal))
            fields[name] = numbers
            continue
        texts = [parsing.plain(value) for value in frame[name].tolist()]
        if kind == "text":
            lengths = np.array([len(text) for text in texts])
            verdict.note(lengths > limit, "too-long", partial(_too_long, name, lengths, limit))
        fields[name] = pd.array([field(text, name, kind, scenario) for text in texts], dtype="str")
    texts_of = [fields[name] for name in scenario.task.text_fields]
    if texts_of:
        empty = [not any(parts) for parts in zip(*texts_of, strict=True)]
        verdict.note(empty, "empty-text", f"nothing to read in {', '.join(scenario.task.text_fields)}")
    return fields


def field(value: str, name: str, kind: str, scenario: Scenario) -> str:
    """Return one value of a text or category as rows hold it: normalised; nothing where it is missing or too long."""
    known = parsing.meaning_nothing(scenario.source.missing.get(name))
    gone = kind == "category" and value.strip().casefold() in known
    return "" if gone or len(value) > scenario.data.max_characters else normalise(value)


def _too_long(name: str, lengths: NDArray[np.int64], limit: int, position: int) -> str:
    return f"{name} has {lengths[position]:,} characters; data.max_characters is {limit:,}"


def _ids(frame: pd.DataFrame, source: Source, verdict: _Verdict) -> list[str]:
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


def _other(values: "pd.Series[Any]") -> Any:
    """Return a column that is no input, in a type that a table at rest can hold."""
    if values.dtype != object:
        return values.fillna("") if isinstance(values.dtype, pd.StringDtype) else values
    inferred = values.infer_objects()
    return inferred if inferred.dtype != object else [parsing.plain(value) for value in values.tolist()]


def _quarantine(collected: Collected, verdict: _Verdict, scenario: Scenario, salt: str) -> pd.DataFrame:
    bad = np.flatnonzero(~verdict.good)
    personal = set(scenario.source.personal)
    names = [str(name) for name in collected.frame.columns[:_SHOWN_COLUMNS]]
    records: list[tuple[int, str, str, str]] = []
    for index, values in zip(bad, collected.frame.iloc[bad, : len(names)].itertuples(index=False), strict=True):
        shown = {
            name: personal_data.pseudonym(parsing.plain(value).strip(), salt)
            if name in personal
            else shorten(parsing.plain(value), _SHOWN, scenario.data)
            for name, value in zip(names, values, strict=True)
        }
        row = json.dumps(shown, ensure_ascii=False)
        records.append(
            (
                int(collected.lines[index]),
                verdict.reason[index],
                shorten(verdict.detail[index], 200, scenario.data),
                row,
            )
        )
    for line, reason, detail, text in collected.broken.itertuples(index=False):
        # Which part of a broken line names a person cannot be told, so where there are such columns no part is kept.
        kept = {"characters": len(text)} if personal else {"line": shorten(text, _SHOWN, scenario.data)}
        records.append((int(line), reason, shorten(detail, 200, scenario.data), json.dumps(kept, ensure_ascii=False)))
    records.sort(key=lambda record: record[0])
    return pd.DataFrame(records, columns=list(QUARANTINE)).astype({"line": "int64"})


def _refuse_too_many(quarantine: pd.DataFrame, rows: int, most: float) -> None:
    if not rows or len(quarantine) / rows <= most:
        return
    reasons = []
    for reason, part in sorted(quarantine.groupby("reason"), key=lambda item: -len(item[1]))[:3]:
        first = part.iloc[0]
        reasons.append(f"\n  {len(part):,} × {reason}, first on line {first['line']}: {first['detail']}")
    raise DataError(
        f"{len(quarantine):,} of {rows:,} rows ({len(quarantine) / rows:.0%}) cannot be used; "
        f"data.max_quarantine_share allows {most:.0%}. The main reasons:{''.join(reasons)}"
    )
