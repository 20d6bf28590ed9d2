"""Daily root: the heads of all chains at a moment, under a key or in a mail that the log's writer cannot reach."""

import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, func, select

from loopbook.decisions.audit import chain, days
from loopbook.decisions.audit.entry import LogError
from loopbook.decisions.audit.tables import RECORDS


@dataclass(frozen=True)
class Root:
    """A root.

    Attributes
    ----------
    number
        From 1 on, in the journal beside the key; 0 of one that was only mailed.
    made
        When, as the log writes it.
    heads
        The last record of each chain: writer to seq and hash.
    days
        Number of lines in each exported day's file.
    problems
        What `verify` found just before; a root on a log that does not hold says so.
    previous
        SHA-256 of the line before it in the journal.
    mac
        HMAC-SHA256 of all that under the key; None: made without.
    """

    number: int
    made: str
    heads: Mapping[str, tuple[int, str]] = field(repr=False)
    days: Mapping[str, int] = field(repr=False)
    problems: int
    previous: str
    mac: str | None = None

    @property
    def body(self) -> str:
        """What the key signs."""
        return chain.canonical({name: value for name, value in asdict(self).items() if name != "mac"})

    @property
    def line(self) -> str:
        """The root as one line of canonical JSON, as it is kept and mailed."""
        return chain.canonical(asdict(self))

    @property
    def records(self) -> int:
        return sum(seq + 1 for seq, _ in self.heads.values())


def journal(key_file: Path) -> Path:
    """Return the file beside the key that keeps the roots: one a line, only ever appended to."""
    return key_file.with_name(f"{key_file.name}.roots.jsonl")


def make(engine: Engine, folder: Path, problems: int, before: Root | None = None, key: bytes | None = None) -> Root:
    """Return the root of the log as it is now.

    Parameters
    ----------
    folder
        Where the days' files lie.
    problems
        What `verify` found.
    before
        The last root in the journal.
    """
    last = select(RECORDS.c.writer, func.max(RECORDS.c.seq).label("seq")).group_by(RECORDS.c.writer).subquery()
    same = (RECORDS.c.writer == last.c.writer) & (RECORDS.c.seq == last.c.seq)
    query = select(RECORDS.c.writer, RECORDS.c.seq, RECORDS.c.hash).join(last, same)
    with engine.connect() as connection:
        heads = {row.writer: (row.seq, row.hash) for row in connection.execute(query)}
    root = Root(
        number=before.number + 1 if before else int(key is not None),
        made=chain.stamp(datetime.now(UTC)),
        heads=heads,
        days=days.exported(folder),
        problems=problems,
        previous=chain.sha256(before.line) if before else chain.GENESIS,
    )
    return replace(root, mac=_mac(key, root)) if key else root


def append(path: Path, root: Root) -> None:
    """Append a root to the journal; it is on the disk when this returns."""
    handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(root.line + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_journal(path: Path, key: bytes) -> list[Root]:
    """Return the roots in a journal, the earliest first.

    Raises
    ------
    LogError
        If a line is no root under the key, or does not follow on the one before it.
    """
    if not path.is_file():
        return []
    found: list[Root] = []
    whole = path.read_text(encoding="utf-8", errors="replace")
    if whole and not whole.endswith("\n"):
        raise LogError(f"{path}: the last line was cut off while it was written. Take it out; the root is made anew.")
    for number, text in enumerate(whole.splitlines(), 1):
        root = parse(text, f"{path} line {number}", key)
        if root.mac is None or root.number != number:
            raise LogError(f"{path} line {number} is not root {number} under the key: the journal was changed.")
        if root.previous != (chain.sha256(found[-1].line) if found else chain.GENESIS):
            raise LogError(f"{path} line {number} does not follow on the line before it: the journal was changed.")
        found.append(root)
    return found


def parse(text: str, place: str, key: bytes | None) -> Root:
    """Return the root in a text, of the journal or of a mail.

    Raises
    ------
    LogError
        If it is none, or was not made with the key; the message names `place`. Without a key its HMAC is not checked.
    """
    try:
        values = json.loads(text)
        heads = {writer: (int(seq), str(hash)) for writer, (seq, hash) in values["heads"].items()}
        root = Root(**{**values, "heads": heads})
        chain.moment(root.made)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise LogError(f"{place} is no root as audit root makes and mails it.") from error
    if key and root.mac is not None and not hmac.compare_digest(_mac(key, root), str(root.mac)):
        raise LogError(f"{place} was not made with this key, or was changed since (root {root.number}, {root.made}).")
    return root


def _mac(key: bytes, root: Root) -> str:
    return hmac.new(key, root.body.encode("ascii"), "sha256").hexdigest()
