from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import IntegrityError
from tests.decisions.audit import writing

from loopbook.decisions.audit import chain, days, roots
from loopbook.decisions.audit.database import connect
from loopbook.decisions.audit.entry import LogError
from loopbook.decisions.audit.problem import Problem
from loopbook.decisions.audit.roots import Root
from loopbook.decisions.audit.tables import PAYLOADS, RECORDS
from loopbook.decisions.audit.verify import Verification, verify
from loopbook.decisions.audit.writer import Writer, _ready
from loopbook.store.project import Project

KEY = b"k" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "days"


@pytest.fixture
def root(engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Root:
    writing.write(engine, monkeypatch)
    assert [path.name for path in writing.export(engine, folder)] == ["2027-03-01.jsonl", "2027-03-02.jsonl"]
    return roots.make(engine, folder, 0, key=KEY)


def places(found: Verification) -> set[tuple[Any, ...]]:
    return {(p.file, p.line) if p.file else (p.writer, p.seq) for p in found.problems}


def names(problem: Problem, writer: str, seq: int) -> bool:
    if problem.writer != writer or problem.seq is None:
        return False
    return problem.seq <= seq <= (problem.seq if problem.until is None else problem.until)


def test_a_sound_log_holds_and_says_up_to_where(engine: Engine, folder: Path, root: Root) -> None:
    seen: list[tuple[int, int]] = []
    found = verify(engine, folder, [root], lambda done, whole: seen.append((done, whole)))
    assert found.problems == ()
    assert (found.records, found.chains, found.closed, found.days) == (102, 6, 3, 2)
    assert (found.anchored, found.lines, found.last) == (102, 68, root.made)
    assert seen[-1] == (170, 170)
    with Writer(engine, "tiny") as writer:
        writer.append([writing.decision()]).result()
    found = verify(engine, folder, [root])
    assert found.holds
    assert (found.records, found.anchored) == (105, 102)
    assert verify(engine, folder, []).anchored == 0


def test_a_thousand_flipped_bytes_in_the_days_are_found_and_located(engine: Engine, folder: Path, root: Root) -> None:
    coin, flipped = random.Random(1), 0
    whole = {path: path.read_bytes() for path in sorted(folder.iterdir())}
    while flipped < 1_000:
        expected = set()
        for path, content in whole.items():
            lines = content.splitlines(keepends=True)
            for number in coin.sample(range(len(lines)), 25):
                line = bytearray(lines[number])
                at = coin.randrange(len(line) - 1)  # newlines: the next test
                line[at] ^= 1 << coin.randrange(8)
                if line[at] == ord("\n"):
                    continue
                lines[number] = bytes(line)
                expected.add((path.name, number + 1))
            path.write_bytes(b"".join(lines))
        assert places(verify(engine, folder, [root])) == expected
        flipped += len(expected)
    for path, content in whole.items():
        path.write_bytes(content)
    assert verify(engine, folder, [root]).holds


BENT: list[tuple[Callable[[list[bytes]], list[bytes]], int | None]] = [
    (lambda lines: [lines[0][:-1] + b"\x0b", *lines[1:]], 1),
    (lambda lines: [*lines[:-1], lines[-1][:-1]], 34),
    (lambda lines: [*lines[:4], lines[4].replace(b"e", b"\n", 1), *lines[5:]], 5),
    (lambda lines: [*lines[:4], lines[4].replace(b":", b": ", 1), *lines[5:]], 5),
    (lambda lines: [*lines[:4], b'{"a":' * 100_000 + b"\n", *lines[5:]], 5),
    (lambda lines: [*lines[:4], b"\n", *lines[4:]], 5),
    (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], 6),
    (lambda lines: [*lines[:4], lines[3], *lines[4:]], 5),
    (lambda lines: lines[:4] + lines[5:], None),
    (lambda lines: lines[:-1], None),
    (lambda lines: [*lines[:4], lines[4].replace(b'"salt"', b'"salz"'), *lines[5:]], 5),
]
"""What may be done to the lines of a day, and the line at which it is found; None: a record that no line tells of."""


def test_what_is_done_to_lines_is_found(engine: Engine, folder: Path, root: Root) -> None:
    path = folder / "2027-03-02.jsonl"
    whole = path.read_bytes()
    for bend, line in BENT:
        path.write_bytes(b"".join(bend(whole.splitlines(keepends=True))))
        assert (path.name, line) in places(verify(engine, folder, [root]))
    path.write_bytes(whole)
    assert verify(engine, folder, [root]).holds


def test_a_thousand_flipped_bytes_in_the_database_are_found_and_located(
    engine: Engine, folder: Path, root: Root
) -> None:
    coin, flipped = random.Random(2), 0
    while flipped < 1_000:
        with engine.connect() as connection:
            rows = {table: list(connection.execute(select(table))) for table in (RECORDS, PAYLOADS)}
        everything = [(table, row) for table in rows for row in rows[table]]
        chosen = {(row.writer, row.seq): (table, row) for table, row in coin.sample(everything, 40)}.values()
        done = {(row.writer, row.seq): change for table, row in chosen if (change := flip(engine, table, row, coin))}
        found = verify(engine, folder, [root])
        for writer, seq in done:
            located = [problem for problem in found.problems if not problem.file and names(problem, writer, seq)]
            assert located, done[writer, seq]
        strange = {problem.writer for problem in found.problems} - {row.writer for row in rows[RECORDS]}
        for problem in found.problems:  # and nothing else is accused
            assert problem.writer in strange or any(
                names(problem, *place) or moved == (problem.writer, problem.seq) for place, moved in done.items()
            ), problem
        flipped += len(done)
        with engine.begin() as connection:
            for table, kept in rows.items():
                connection.execute(delete(table))
                connection.execute(table.insert(), [row._asdict() for row in kept])
    assert verify(engine, folder, [root]).holds


def test_a_flipped_byte_of_the_database_file_is_found_or_changes_nothing(
    engine: Engine, folder: Path, root: Root, place: Project
) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps its files to itself")
    with engine.connect() as connection:
        kept = [list(connection.execute(select(table))) for table in (RECORDS, PAYLOADS)]
        connection.connection.commit()
    engine.dispose()
    path, coin, found = Path(str(engine.url.database)), random.Random(3), 0
    whole = path.read_bytes()
    for _ in range(60):
        bent = bytearray(whole)
        bent[coin.randrange(100, len(bent))] ^= 1 << coin.randrange(8)
        path.write_bytes(bent)
        try:
            other = connect(place, str(engine.url))
            holds = verify(other, folder, [root]).holds
            other.dispose()
        except LogError:
            holds = False
        found += not holds
        if holds:
            with other.connect() as connection:
                assert [list(connection.execute(select(table))) for table in (RECORDS, PAYLOADS)] == kept
            other.dispose()
    path.write_bytes(whole)
    assert verify(engine, folder, [root]).holds
    assert found > 20


def flip(engine: Engine, table: Any, row: Any, coin: random.Random) -> tuple[Any, ...] | None:
    """Flip a bit of a random cell; return what the row is called after that, or None if it cannot be done."""
    column = coin.choice([name for name, value in row._asdict().items() if value is not None])
    value = row._asdict()[column]
    if isinstance(value, int):
        bent: Any = value ^ (1 << coin.randrange(6))
    else:
        raw = bytearray(value.encode())
        raw[coin.randrange(len(raw))] ^= 1 << coin.randrange(7)
        bent = raw.decode()
        if "\0" in bent:
            return None
    place = (table.c.writer == row.writer) & (table.c.seq == row.seq)
    try:
        with engine.begin() as connection:
            connection.execute(update(table).where(place).values({column: bent}))
    except IntegrityError:
        return None
    after = row._asdict() | {column: bent}
    return after["writer"], after["seq"]


def head(engine: Engine) -> tuple[str, int]:
    """Return the longest chain, and its last seq."""
    query = select(RECORDS.c.writer, RECORDS.c.seq).order_by(RECORDS.c.seq.desc(), RECORDS.c.writer)
    with engine.connect() as connection:
        return tuple(connection.execute(query).first() or ())  # type: ignore[return-value]


def remove(engine: Engine, condition: Callable[[Any], Any]) -> None:
    with engine.begin() as connection:
        gone = list(connection.execute(select(RECORDS.c.writer, RECORDS.c.seq).where(condition(RECORDS))))
        for writer, seq in gone:
            for table in (RECORDS, PAYLOADS):
                connection.execute(delete(table).where(table.c.writer == writer, table.c.seq == seq))


def test_a_tail_that_is_cut_is_found_from_the_root(engine: Engine, folder: Path, root: Root) -> None:
    writer, last = head(engine)
    for path in folder.iterdir():
        path.unlink()
    root = replace(root, days={})
    remove(engine, lambda table: (table.c.writer == writer) & (table.c.seq > last - 3))
    assert verify(engine, folder, []).holds, "a chain that ends early looks like that of a killed writer"
    (problem,) = verify(engine, folder, [root]).problems
    assert (problem.writer, problem.seq, problem.until) == (writer, last - 2, last)
    remove(engine, lambda table: table.c.writer == writer)
    (problem,) = verify(engine, folder, [root]).problems
    assert (problem.writer, problem.seq) == (writer, None)


def test_a_day_that_is_deleted_is_found(engine: Engine, folder: Path, root: Root) -> None:
    (folder / "2027-03-01.jsonl").unlink()
    (problem,) = verify(engine, folder, [root]).problems
    assert str(problem) == f"2027-03-01.jsonl is gone, all of 34 lines; the root of {root.made} names it"
    with engine.connect() as connection:
        of_day = set(connection.scalars(select(RECORDS.c.writer).where(days.of_day("2027-03-02"))))
    remove(engine, lambda _: days.of_day("2027-03-02"))
    found = verify(engine, folder, [root])
    assert {problem.writer for problem in found.problems if not problem.file} == of_day
    assert any("not in the database" in str(problem) for problem in found.problems)


def test_records_that_are_exchanged_are_found(engine: Engine, folder: Path, root: Root) -> None:
    writer, _ = head(engine)

    def move(before: int, after: int) -> None:
        for table in (RECORDS, PAYLOADS):
            place = (table.c.writer == writer) & (table.c.seq == before)
            with engine.begin() as connection:
                connection.execute(update(table).where(place).values(seq=after))

    for before, after in ((3, 1_000), (4, 3), (1_000, 4)):
        move(before, after)
    assert {(writer, 3), (writer, 4)} <= places(verify(engine, folder, [root]))


def recompute(engine: Engine, folder: Path, writer: str, first: int) -> None:
    """Do what somebody would who can write to everything but has no key: lie, and compute the rest anew."""
    with engine.begin() as connection:
        rows = connection.execute(select(RECORDS).where(RECORDS.c.writer == writer).order_by(RECORDS.c.seq))
        previous = chain.GENESIS
        for row in list(rows):
            values = row._asdict()
            about = values.pop("about")
            if row.seq == first:
                values["facts"] = row.facts.replace("alert", "ignore")
            values["previous"] = previous
            del values["hash"]
            previous = chain.record_hash(**values)
            place = (RECORDS.c.writer == writer) & (RECORDS.c.seq == row.seq)
            connection.execute(update(RECORDS).where(place).values(**values, hash=previous, about=about))
    for path in list(folder.iterdir()):
        path.unlink()
    writing.export(engine, folder)


def test_a_chain_computed_anew_is_found_from_the_last_root(engine: Engine, folder: Path, root: Root) -> None:
    with engine.connect() as connection:
        query = select(RECORDS.c.writer, RECORDS.c.seq).where(RECORDS.c.kind == "decision").order_by(RECORDS.c.written)
        writer, first = connection.execute(query).first()  # type: ignore[misc]
    early = replace(
        root, made="2026-01-01T09:00:00.000000Z", heads={writer: (first - 1, hash_of(engine, writer, first - 1))}
    )
    recompute(engine, folder, writer, first)
    assert verify(engine, folder, []).holds, "without a root nobody can know"
    (problem,) = verify(engine, folder, [root]).problems
    assert (problem.writer, problem.seq, problem.until) == (writer, 0, root.heads[writer][0])
    (problem,) = verify(engine, folder, [root, early]).problems
    assert (problem.writer, problem.seq) == (writer, first), "an earlier root says from where on"
    assert root.made in str(problem)


def test_a_file_that_was_kept_says_which_record_was_changed(engine: Engine, folder: Path, root: Root) -> None:
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    record = next(
        json.loads(line) for path in sorted(kept) for line in kept[path].splitlines() if b'"decision"' in line
    )
    recompute(engine, folder, record["writer"], record["seq"])
    for path, content in kept.items():
        path.write_bytes(content)
    found = [problem for problem in verify(engine, folder, [root]).problems if problem.file]
    assert (found[0].writer, found[0].seq) == (record["writer"], record["seq"])
    assert "another in the database" in str(found[0])


def hash_of(engine: Engine, writer: str, seq: int) -> str:
    place = (RECORDS.c.writer == writer) & (RECORDS.c.seq == seq)
    with engine.connect() as connection:
        return str(connection.scalar(select(RECORDS.c.hash).where(place)))


def test_a_record_behind_the_closing_one_is_found(engine: Engine, folder: Path) -> None:
    with Writer(engine, "tiny") as writer:
        writer.append([writing.decision()]).result()
    writer._stored([_ready(writing.decision())])
    (problem,) = verify(engine, folder, []).problems
    assert (problem.writer, problem.seq) == (writer.id, 3)


def test_a_payload_that_only_vanished_is_found(engine: Engine, folder: Path, root: Root) -> None:
    with engine.begin() as connection:
        writer, seq = connection.execute(select(PAYLOADS.c.writer, PAYLOADS.c.seq)).first()  # type: ignore[misc]
        connection.execute(delete(PAYLOADS).where(PAYLOADS.c.writer == writer, PAYLOADS.c.seq == seq))
    (problem,) = verify(engine, folder, [root]).problems
    assert (problem.writer, problem.seq) == (writer, seq)
    assert "no record says that it was forgotten" in str(problem)
