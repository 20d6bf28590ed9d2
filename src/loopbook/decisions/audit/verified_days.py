"""Verification of the files of closed days: each line by itself, their order, and against the database and roots."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from loopbook.decisions.audit import chain, days
from loopbook.decisions.audit.database import as_stored
from loopbook.decisions.audit.problem import Problem, record_faults
from loopbook.decisions.audit.roots import Root
from loopbook.decisions.audit.tables import RECORDS

PAGE = 1_000
"""Lines that are held against the database at once."""

Place = tuple[str, int]
"""Writer and seq of a record."""


@dataclass
class Files:
    """What was found."""

    days: int = 0
    lines: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass
class _Day:
    """What one file says."""

    name: str
    day: str
    places: dict[Place, int] = field(default_factory=dict)  # to its line
    broken: int = 0  # lines that do not say which record they are
    last: tuple[str, str, int] = ("", "", -1)


def check(
    engine: Engine,
    folder: Path,
    roots: Sequence[Root],
    bent: Collection[tuple[str, Any]],
    forgotten: Mapping[str, str],
    told: Callable[[int], None],
) -> Files:
    """Check all files.

    Parameters
    ----------
    roots
        In the order of time; the last names the files that must be there.
    bent
        Records in the database that have a problem already: lines are not held against them.
    told
        Called with the number of lines done.
    """
    found = Files()
    expected = dict(roots[-1].days) if roots else {}
    for path in sorted(folder.glob("????-??-??.jsonl")):
        found.days += 1
        day = _Day(path.name, path.stem)
        with as_stored(engine) as connection, path.open("rb") as file:
            while page := [*zip(range(PAGE), file, strict=False)]:
                _page(day, [raw for _, raw in page], connection, bent, forgotten, found)
                told(found.lines)
            _complete(day, connection, found)
        expected.pop(path.stem, None)
    for day_gone in sorted(expected):
        what = f"is gone, all of {expected[day_gone]} lines; the root of {roots[-1].made} names it"
        found.problems.append(Problem(what, file=f"{day_gone}.jsonl"))
    return found


def _page(
    day: _Day,
    lines: Sequence[bytes],
    connection: Connection,
    bent: Collection[tuple[str, Any]],
    forgotten: Mapping[str, str],
    found: Files,
) -> None:
    sound: dict[Place, str] = {}
    for raw in lines:
        found.lines += 1
        number = len(day.places) + day.broken + 1
        values = _read(raw)
        if values is None:
            day.broken += 1
            found.problems.append(Problem("is not a record in canonical JSON", file=day.name, line=number))
            continue
        place = values["writer"], values["seq"]
        faults = list(_line_faults(values, day, forgotten))
        found.problems += [Problem(fault, *place, file=day.name, line=number) for fault in faults]
        if place in day.places or faults:
            day.broken += 1
            continue
        day.places[place] = number
        day.last = (values["written"], *place)
        sound[place] = values["hash"]
    _against(day, sound, connection, bent, found)


def _read(raw: bytes) -> dict[str, Any] | None:
    """Return what a line says, facts and payload as canonical JSON; None if it is not the one form of a record."""
    try:
        values = json.loads(raw)
        if sorted(values) != sorted(days.FIELDS) or days.line(values).encode("ascii") != raw:
            return None
        payload = None if values["payload"] is None else chain.canonical(values["payload"])
        values = {**values, "facts": chain.canonical(values["facts"]), "payload": payload}
    except (ValueError, TypeError, RecursionError):
        return None
    return values if isinstance(values["writer"], str) and type(values["seq"]) is int else None


def _line_faults(values: Mapping[str, Any], day: _Day, forgotten: Mapping[str, str]) -> Iterator[str]:
    yield from record_faults(values, forgotten)
    place = values["writer"], values["seq"]
    if place in day.places:
        yield f"stands on line {day.places[place]} already"
    elif str(values["written"])[:10] != day.day:
        yield "was written on another day"
    elif (str(values["written"]), *place) < day.last:
        yield "stands after a later record: lines were moved"


def _against(
    day: _Day, sound: Mapping[Place, str], connection: Connection, bent: Collection[tuple[str, Any]], found: Files
) -> None:
    """Hold lines that are sound by themselves against the records in the database."""
    for writer, places in groupby(sorted(sound), key=lambda place: place[0]):
        seqs = [seq for _, seq in places]
        within = RECORDS.c.seq.between(seqs[0], seqs[-1])
        query = select(RECORDS.c.seq, RECORDS.c.hash).where(RECORDS.c.writer == writer, within)
        stored = {row.seq: row.hash for row in connection.execute(query)}
        lost = [seq for seq in seqs if seq not in stored]
        other = [
            seq for seq in seqs if seq in stored and stored[seq] != sound[writer, seq] and (writer, seq) not in bent
        ]
        for wrong, what in ((lost, "not in the database"), (other, "another in the database")):
            if wrong:
                line = day.places[writer, wrong[0]]
                count = f", and {len(wrong) - 1} more of this chain" if len(wrong) > 1 else ""
                found.problems.append(Problem(f"is {what}{count}", writer, wrong[0], day.name, line))


def _complete(day: _Day, connection: Connection, found: Files) -> None:
    """Find records of the day that no line tells of, unless lines are broken that may have been theirs."""
    query = select(RECORDS.c.writer, RECORDS.c.seq).where(days.of_day(day.day))
    lost = [place for place in map(tuple, connection.execute(query)) if place not in day.places]
    if len(lost) > day.broken:
        for writer, seq in sorted(lost, key=str):
            found.problems.append(Problem("is in the database and not in the file", writer, seq, day.name))
