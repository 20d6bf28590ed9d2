"""Verification of the log: what was changed, where, and up to where the rest is anchored by roots."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from loopbook.decisions.audit import days, verified_chains, verified_days
from loopbook.decisions.audit.problem import Problem, read_forgotten
from loopbook.decisions.audit.roots import Root
from loopbook.decisions.audit.tables import RECORDS
from loopbook.decisions.audit.verified_chains import Chains
from loopbook.decisions.audit.verified_days import Files

Progress = Callable[[int, int], None]
"""Told how much is done of how much, in records and lines."""


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes
    ----------
    records, chains, closed
        How many there are in the database, and chains that end with a closing record; a killed writer leaves none.
    lines, days
        How many there are in the files of closed days.
    forgotten
        Payloads that were forgotten, as records say.
    roots
        How many the chains were held against.
    anchored
        Records at or below the heads of these roots. Of the others only their chain speaks: whoever can write to the
        log could have computed it anew.
    last
        When the last root was made; empty: there is none.
    problems
        In the order of places.
    """

    records: int
    chains: int
    closed: int
    lines: int
    days: int
    forgotten: int
    roots: int
    anchored: int
    last: str
    problems: tuple[Problem, ...]

    @property
    def holds(self) -> bool:
        return not self.problems


def verify(engine: Engine, folder: Path, roots: Sequence[Root], progress: Progress | None = None) -> Verification:
    """Verify all chains in the database, the files of closed days, and both against each other and the roots.

    Parameters
    ----------
    folder
        Where the days' files lie.
    roots
        From the journal and from mails, in any order.
    """
    roots = sorted(roots, key=lambda root: root.made)
    damage = _damage(engine)
    try:
        chains, files = _checked(engine, folder, roots, progress or (lambda *_: None))
    except DBAPIError as error:
        if not damage:
            raise
        chains, files = Chains(), Files()
        damage.append(Problem(f"cannot be read: {error.orig}", file=damage[0].file))
    return Verification(
        records=chains.records,
        chains=chains.chains,
        closed=chains.closed,
        lines=files.lines,
        days=files.days,
        forgotten=chains.forgotten,
        roots=len(roots),
        anchored=chains.anchored,
        last=roots[-1].made if roots else "",
        problems=(*damage, *chains.problems, *files.problems),
    )


def _checked(engine: Engine, folder: Path, roots: Sequence[Root], progress: Progress) -> tuple[Chains, Files]:
    with engine.connect() as connection:
        records = connection.scalar(select(func.count()).select_from(RECORDS)) or 0
    whole, forgotten = records + sum(days.exported(folder).values()), read_forgotten(engine)
    chains = verified_chains.check(engine, _heads(roots), forgotten, lambda done: progress(done, whole))
    lines = verified_days.check(
        engine, folder, roots, chains.bent, forgotten, lambda done: progress(records + done, whole)
    )
    if (chains.problems or lines.problems) and read_forgotten(engine) != forgotten:
        return _checked(engine, folder, roots, progress)  # somebody was forgotten meanwhile
    return chains, lines


def _damage(engine: Engine) -> list[Problem]:
    """Return what SQLite finds wrong with its own file: pages that are none, an index that lacks a record."""
    if engine.dialect.name != "sqlite":
        return []
    file = Path(str(engine.url.database)).name
    try:
        with engine.connect() as connection:
            said = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check"))]
    except DBAPIError as error:
        said = [str(error.orig)]
    return [Problem(f"is damaged: {' '.join(line.split())}", file=file) for line in said if line != "ok"]


def _heads(roots: Sequence[Root]) -> dict[str, dict[int, dict[str, str]]]:
    """Return what roots say of each chain: seq to the hash there, one if they agree, and when a root said so first."""
    found: dict[str, dict[int, dict[str, str]]] = {}
    for root in roots:
        for writer, (seq, hash) in root.heads.items():
            found.setdefault(writer, {}).setdefault(seq, {}).setdefault(hash, root.made)
    return found
