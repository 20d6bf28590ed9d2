"""Row-by-row validation: every row of the source becomes a canonical row or a row in quarantine; none vanishes."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook import privacy
from loopbook.data import sources
from loopbook.data.cleaning import normalise
from loopbook.data.sources import Collected
from loopbook.scenario.contract import DataSettings, Label, Scenario
from loopbook.scenario.errors import DataError, suggest

CANONICAL = ("row_id", "time", "group", "label", "weight")
"""Columns that every split has; a source column of the same name gets the suffix ``_source``."""

QUARANTINE = ("line", "reason", "detail", "row")

_NOTHING = frozenset({"", "na", "n/a", "nan", "null", "nat", "<na>", "?"})
_SHOWN = 80  # characters of a value in a quarantined row
_SHOWN_COLUMNS = 30


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
        Columns ``row_id, time, group, label, weight``, then the source's other columns; texts normalised. The index
        is the line in the source.
    quarantine
        Columns ``line, reason, detail, row``, by line. ``len(rows) + len(quarantine)`` is the source's row count.

    Raises
    ------
    DataError
        If a named column is missing, if more rows than ``data.max_quarantine_share`` are bad, or if the good rows
        have one class only.
    """
    frame, source = collected.frame, scenario.source
    salt = scenario.name if salt is None else salt
    if len(frame):
        sources.require(scenario, frame.columns, "The source")
    verdict = _Verdict(len(frame))
    columns: dict[str, Any] = {}
    decimal = getattr(source, "decimal", ".")

    if source.time and len(frame):
        columns["time"] = _times(frame[source.time], verdict, None if scenario.simulated else today)
    else:
        columns["time"] = pd.Series(pd.NaT, index=frame.index).astype("datetime64[us, UTC]")
    if len(frame):
        columns["label"], columns["weight"] = _labels(frame, scenario.task.label, decimal, verdict)
        fields = _fields(frame, scenario, decimal, verdict)
        columns["row_id"] = _ids(frame, source.id, verdict)
        columns["group"] = _strings(frame[source.group]) if source.group else columns["row_id"]
        if source.group:
            verdict.note([not value for value in columns["group"]], "missing-group", f"no {source.group}")
            if source.group in source.personal:
                columns["group"] = [privacy.pseudonym(value, salt) for value in columns["group"]]
        if source.id in source.personal:
            columns["row_id"] = [privacy.pseudonym(value, salt) for value in columns["row_id"]]
        for name in map(str, frame.columns):
            if name in (source.id, source.time) and name not in scenario.task.fields:
                continue
            values = fields[name] if name in fields else _other(frame[name])
            if name in source.personal:
                values = [privacy.pseudonym(value, salt) if value else "" for value in _strings(frame[name])]
            columns[f"{name}_source" if name in CANONICAL else name] = values

    quarantine = _quarantine(collected, verdict, scenario, salt)
    _refuse_too_many(quarantine, len(frame) + len(collected.broken), scenario.data.max_quarantine_share)
    ordered = {name: columns[name] for name in (*CANONICAL, *(name for name in columns if name not in CANONICAL))}
    rows = pd.DataFrame(ordered, index=frame.index)[verdict.good]
    rows.index = pd.Index(collected.lines[verdict.good], name="line")
    _refuse_one_class(rows, frame[verdict.good], scenario.task.label)
    return rows, quarantine


def window(rows: pd.DataFrame, settings: DataSettings) -> pd.DataFrame:
    """Return the rows of the days from ``start`` to before ``end``, and of these at most ``rows``, the earliest.

    Raises
    ------
    DataError
        If days are asked for where rows have no time, or if nothing is left.
    """
    chosen = rows
    if settings.start or settings.end:
        if rows["time"].isna().any():
            raise DataError("data.start and data.end need a time for every row: name the column in source.time.")
        if settings.start:
            chosen = chosen[chosen["time"] >= pd.Timestamp(settings.start, tz="UTC")]
        if settings.end:
            chosen = chosen[chosen["time"] < pd.Timestamp(settings.end, tz="UTC")]
        if not len(chosen):
            first, last = rows["time"].min().date(), rows["time"].max().date()
            raise DataError(f"No row lies in the window from data.start to data.end; the rows span {first} to {last}.")
    if settings.rows is not None:
        chosen = chosen.sort_values("time", kind="stable").head(settings.rows)
    return chosen


class _Verdict:
    """The first thing that is wrong with each row."""

    def __init__(self, rows: int) -> None:
        self.reason = np.full(rows, "", dtype=object)
        self.detail = np.full(rows, "", dtype=object)

    def note(self, bad: Any, reason: str, detail: str | list[str]) -> None:
        """Mark the rows where `bad` holds and nothing was wrong before."""
        for index in np.flatnonzero(np.asarray(bad, dtype=bool) & (self.reason == "")):
            self.reason[index] = reason
            self.detail[index] = detail if isinstance(detail, str) else detail[index]

    @property
    def good(self) -> NDArray[np.bool_]:
        return np.asarray(self.reason == "", dtype=bool)


def _plain(value: Any) -> str:
    """Return a value as text: a missing one as nothing, 1.0 as 1, True as true."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NaT or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return "" if value is pd.NA else str(value)


def _strings(values: pd.Series[Any]) -> list[str]:
    return [_plain(value).strip() for value in values.tolist()]


def _missing(values: list[str]) -> NDArray[np.bool_]:
    return np.fromiter((value.casefold() in _NOTHING for value in values), dtype=bool, count=len(values))


def _times(values: pd.Series[Any], verdict: _Verdict, today: date | None) -> pd.Series[Any]:
    """Return times in UTC; a time without a zone is taken as UTC."""
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        missing = values.isna().to_numpy()
        times = pd.to_datetime(values, utc=True)
    elif values.dtype.kind in "if":
        missing = values.isna().to_numpy()
        unit: Literal["ms", "s"] = (
            "ms" if values.abs().median() > 1e11 else "s"
        )  # a Unix time in seconds has 10 digits, in milliseconds 13
        times = pd.to_datetime(values, unit=unit, utc=True, errors="coerce")
    else:
        written = _strings(values)
        missing = _missing(written)
        times = pd.to_datetime(pd.Series(written, index=values.index), format="ISO8601", utc=True, errors="coerce")
    times = times.astype("datetime64[us, UTC]")
    verdict.note(missing, "missing-time", f"no {values.name}")
    details = [f"{values.name} is {_plain(value)!r}; write YYYY-MM-DD or ISO 8601" for value in values.tolist()]
    verdict.note(times.isna().to_numpy(), "bad-time", details)
    if today is not None:
        late = (times >= pd.Timestamp(today + timedelta(days=1), tz="UTC")).to_numpy()
        verdict.note(late, "future-date", [f"{values.name} is after {today}: {time}" for time in times])
    return times


def _numbers(values: pd.Series[Any], decimal: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return numbers with NaN, and where something stands that is no number."""
    if values.dtype.kind in "iufb":
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers, np.isinf(numbers)
    written = _strings(values)
    missing = _missing(written) | np.array([value.casefold() == "none" for value in written])
    if decimal == ",":  # a point would be a thousands separator to one and a decimal mark to another: neither is taken
        written = ["?" if "." in value else value.replace(",", ".") for value in written]
    parsed = pd.to_numeric(pd.Series(written, dtype=object), errors="coerce")
    numbers = np.where(missing, np.nan, parsed.to_numpy(dtype=np.float64, na_value=np.nan))
    return numbers, ~missing & ~np.isfinite(numbers)


def _number_details(values: pd.Series[Any], decimal: str) -> list[str]:
    hint = {".": "; set source.decimal to ',' if that is its decimal mark", ",": "; source.decimal is ','"}[decimal]
    other = "," if decimal == "." else "."
    return [
        f"{values.name} is {value!r}, not a number{hint if other in value else ''}"
        for value in (_plain(value) for value in values.tolist())
    ]


def _labels(
    frame: pd.DataFrame, label: Label, decimal: str, verdict: _Verdict
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    values = frame[label.column]
    written = _strings(values)
    verdict.note(_missing(written), "missing-label", f"no {label.column}")
    weight = np.ones(len(frame), dtype=np.float32)
    if label.below is not None:
        numbers, bad = _numbers(values, decimal)
        verdict.note(bad, "bad-label", _number_details(values, decimal))
        distance = np.nan_to_num(np.abs(numbers - label.below))
        if label.uncertain:
            weight = np.minimum(1.0, distance / label.uncertain).astype(np.float32)
        return (numbers < label.below).astype(np.int8), weight
    # Case does not count: every other value means no, so that 'Yes' for 'yes' would silently become a no.
    positive = {_plain(value).strip().casefold() for value in label.positive}
    if any(isinstance(value, int) and not isinstance(value, bool) for value in label.positive):
        written = [value.removesuffix(".0") for value in written]
    return np.array([value.casefold() in positive for value in written], dtype=np.int8), weight


def _fields(frame: pd.DataFrame, scenario: Scenario, decimal: str, verdict: _Verdict) -> dict[str, Any]:
    """Return the input fields in their types."""
    fields: dict[str, Any] = {}
    limit = scenario.data.max_characters
    for name, kind in scenario.task.fields.items():
        if kind == "number":
            numbers, bad = _numbers(frame[name], decimal)
            verdict.note(bad, "bad-number", _number_details(frame[name], decimal))
            fields[name] = numbers
            continue
        texts = [_plain(value) for value in frame[name].tolist()]
        lengths = np.array([len(text) for text in texts])
        if kind == "text":
            details = [f"{name} has {length:,} characters; data.max_characters is {limit:,}" for length in lengths]
            verdict.note(lengths > limit, "too-long", details)
        fields[name] = [normalise(text) if size <= limit else "" for text, size in zip(texts, lengths, strict=True)]
    texts_of = [fields[name] for name in scenario.task.text_fields]
    if texts_of:
        empty = [not any(parts) for parts in zip(*texts_of, strict=True)]
        verdict.note(empty, "empty-text", f"nothing to read in {', '.join(scenario.task.text_fields)}")
    return fields


def _ids(frame: pd.DataFrame, column: str | None, verdict: _Verdict) -> list[str]:
    """Return unique ids: the source's, or a hash of the row's content with the number of its occurrence."""
    if column is None:
        seen: Counter[str] = Counter()
        ids = []
        for values in zip(*(_strings(frame[name]) for name in frame.columns), strict=True):
            digest = hashlib.sha256(json.dumps(values, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()[:16]
            seen[digest] += 1
            ids.append(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}")
        return ids
    ids = _strings(frame[column])
    verdict.note(_missing(ids), "missing-id", f"no {column}")
    first: set[str] = set()
    repeated = np.zeros(len(ids), dtype=bool)
    for index in np.flatnonzero(verdict.good):
        repeated[index] = ids[index] in first
        first.add(ids[index])
    verdict.note(repeated, "duplicate-id", f"an earlier row has the same {column}")
    return ids


def _other(values: pd.Series[Any]) -> Any:
    """Return a column that is no input, in a type that a table at rest can hold."""
    if values.dtype != object:
        return values.fillna("") if isinstance(values.dtype, pd.StringDtype) else values
    inferred = values.infer_objects()
    return inferred if inferred.dtype != object else [_plain(value) for value in values.tolist()]


def _quarantine(collected: Collected, verdict: _Verdict, scenario: Scenario, salt: str) -> pd.DataFrame:
    bad = np.flatnonzero(~verdict.good)
    personal = set(scenario.source.personal)
    names = [str(name) for name in collected.frame.columns[:_SHOWN_COLUMNS]]
    records: list[tuple[int, str, str, str]] = []
    for index, values in zip(bad, collected.frame.iloc[bad, : len(names)].itertuples(index=False), strict=True):
        shown = {
            name: privacy.pseudonym(_plain(value).strip(), salt) if name in personal else shorten(_plain(value), _SHOWN)
            for name, value in zip(names, values, strict=True)
        }
        row = json.dumps(shown, ensure_ascii=False)
        records.append((int(collected.lines[index]), verdict.reason[index], shorten(verdict.detail[index], 200), row))
    for line, reason, detail, text in collected.broken.itertuples(index=False):
        # Which part of a broken line names a person cannot be told, so where there are such columns no part is kept.
        kept = {"characters": len(text)} if personal else {"line": shorten(text, _SHOWN)}
        records.append((int(line), reason, shorten(detail, 200), json.dumps(kept, ensure_ascii=False)))
    records.sort(key=lambda record: record[0])
    return pd.DataFrame(records, columns=list(QUARANTINE)).astype({"line": "int64"})


def shorten(text: str, length: int) -> str:
    """Return a text on one line, masked, and cut to `length` characters."""
    cut = normalise(text[: 5 * length])
    if len(text) > 5 * length:
        cut = cut.rpartition(" ")[0] or cut[:length]  # half an address at the end could escape the mask
    masked = privacy.mask(cut)
    return masked if len(masked) <= length and len(text) <= 5 * length else masked[: length - 1] + "…"


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


def _refuse_one_class(rows: pd.DataFrame, frame: pd.DataFrame, label: Label) -> None:
    classes = set(rows["label"])
    if len(classes) == 2:
        return
    if not len(rows):
        raise DataError("No row is left after validation.")
    meaning = label.names[classes.pop()]
    if label.below is not None:
        numbers = pd.to_numeric(frame[label.column], errors="coerce")
        seen = f"it runs from {numbers.min():g} to {numbers.max():g}, and task.label.below is {label.below:g}"
        raise DataError(f"All {len(rows):,} rows have one class, {meaning!r}: {label.column}: {seen}.")
    counts = Counter(_strings(frame[label.column])).most_common(5)
    seen = ", ".join(f"{shorten(value, 40)!r} ({count:,})" for value, count in counts)
    near = suggest(label.positive[0], [shorten(value, 40) for value, _ in counts])
    raise DataError(
        f"All {len(rows):,} rows have one class, {meaning!r}: {label.column} has the values {seen}, and "
        f"task.label.positive is {', '.join(map(repr, label.positive))}.{near}"
    )
