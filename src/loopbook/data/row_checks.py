"""Checks of rows, whatever they are rows of: the first thing that is wrong with each, and the quarantine of those."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import labels, parsing
from loopbook.data.cleaning import normalise, shorten
from loopbook.privacy import personal_data
from loopbook.scenario.data import DataSettings
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import Columns

if TYPE_CHECKING:
    from loopbook.data.sources import Collected

QUARANTINE = ("line", "reason", "detail", "row")

_SHOWN = 80  # characters of a value in a quarantined row
_SHOWN_COLUMNS = 30


class Verdict:
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


def typed(
    frame: pd.DataFrame, fields: Mapping[str, str], source: Columns, settings: DataSettings, verdict: Verdict
) -> dict[str, Any]:
    """Return input fields in their types, and note in `verdict` what is no number or too long."""
    columns: dict[str, Any] = {}
    limit = settings.max_characters
    for name, kind in fields.items():
        if kind == "number":
            written_as = labels.notation(source, name)
            numbers, bad = parsing.numbers(frame[name], written_as)
            verdict.note(bad, "bad-number", labels.no_number(frame[name], written_as.decimal))
            columns[name] = numbers
            continue
        texts = [parsing.plain(value) for value in frame[name].tolist()]
        if kind == "text":
            lengths = np.array([len(text) for text in texts])
            verdict.note(lengths > limit, "too-long", partial(_too_long, name, lengths, limit))
        clean = {text: field(text, name, kind, source, limit) for text in set(texts)}  # an item's comes again and again
        columns[name] = pd.array([clean[text] for text in texts], dtype="str")
    return columns


def field(value: str, name: str, kind: str, source: Columns, limit: int) -> str:
    """Return one value of a text or category as rows hold it: normalised; nothing where it is missing or too long."""
    known = parsing.meaning_nothing(source.missing.get(name))
    gone = kind == "category" and value.strip().casefold() in known
    return "" if gone or len(value) > limit else normalise(value)


def _too_long(name: str, lengths: NDArray[np.int64], limit: int, position: int) -> str:
    return f"{name} has {lengths[position]:,} characters; data.max_characters is {limit:,}"


def other(values: pd.Series[Any]) -> Any:
    """Return a column that is no input, in a type that a table at rest can hold."""
    if values.dtype != object:
        return values.fillna("") if isinstance(values.dtype, pd.StringDtype) else values
    inferred = values.infer_objects()
    return inferred if inferred.dtype != object else [parsing.plain(value) for value in values.tolist()]


def quarantine(
    collected: Collected, verdict: Verdict, personal: set[str], settings: DataSettings, salt: str
) -> pd.DataFrame:
    """Return the rows with which something is wrong: ``line, reason, detail, row``, by line.

    Parameters
    ----------
    personal
        Columns that name a person: a pseudonym with `salt` stands for their values.
    settings
        Say what is masked in the others.
    """
    bad = np.flatnonzero(~verdict.good)
    names = [str(name) for name in collected.frame.columns[:_SHOWN_COLUMNS]]
    records: list[tuple[int, str, str, str]] = []
    for index, values in zip(bad, collected.frame.iloc[bad, : len(names)].itertuples(index=False), strict=True):
        shown = {
            name: personal_data.pseudonym(parsing.plain(value).strip(), salt)
            if name in personal
            else shorten(parsing.plain(value), _SHOWN, settings)
            for name, value in zip(names, values, strict=True)
        }
        row = json.dumps(shown, ensure_ascii=False)
        records.append(
            (
                int(collected.lines[index]),
                verdict.reason[index],
                shorten(verdict.detail[index], 200, settings),
                row,
            )
        )
    for line, reason, detail, text in collected.broken.itertuples(index=False):
        # Which part of a broken line names a person cannot be told, so where there are such columns no part is kept.
        kept = {"characters": len(text)} if personal else {"line": shorten(text, _SHOWN, settings)}
        records.append((int(line), reason, shorten(detail, 200, settings), json.dumps(kept, ensure_ascii=False)))
    records.sort(key=lambda record: record[0])
    return pd.DataFrame(records, columns=list(QUARANTINE)).astype({"line": "int64"})


def refuse_too_many(quarantine: pd.DataFrame, rows: int, most: float, of: str = "rows") -> None:
    """Refuse rows of which a larger share than `most` is in quarantine, with the main reasons."""
    if not rows or len(quarantine) / rows <= most:
        return
    reasons = []
    for reason, part in sorted(quarantine.groupby("reason"), key=lambda item: -len(item[1]))[:3]:
        first = part.iloc[0]
        reasons.append(f"\n  {len(part):,} × {reason}, first on line {first['line']}: {first['detail']}")
    raise DataError(
        f"{len(quarantine):,} of {rows:,} {of} ({len(quarantine) / rows:.0%}) cannot be used; "
        f"data.max_quarantine_share allows {most:.0%}. The main reasons:{''.join(reasons)}"
    )
