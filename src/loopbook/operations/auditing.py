"""Audit of the log: its roots beside the key and by mail, what they are held against, and which runs it names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock
from sqlalchemy import Engine

from loopbook.decisions.audit import database, days, entry, reader, root_key, roots
from loopbook.decisions.audit.entry import LogError
from loopbook.decisions.audit.roots import Root
from loopbook.decisions.audit.verify import Progress, Verification, verify
from loopbook.operations import mail
from loopbook.scenario.errors import refuse
from loopbook.store.project import Project


@dataclass(frozen=True)
class Anchors:
    """The roots that are known, and where they come from.

    Attributes
    ----------
    roots
        Of the journal, and those that were mailed.
    key_file, key
        None where the environment names no key.
    """

    roots: tuple[Root, ...]
    key_file: Path | None
    key: bytes | None

    @property
    def last(self) -> Root | None:
        """The last root in the journal."""
        return max((root for root in self.roots if root.number), key=lambda root: root.number, default=None)


@dataclass(frozen=True)
class Daily:
    """What making a root came to: the root, what was verified before, and the files of days that were written."""

    root: Root
    found: Verification
    exported: tuple[Path, ...]


def opened(project: Project) -> Engine:
    """Return the log's database.

    Raises
    ------
    LogError
        If nothing was ever written to it, or nothing answers there.
    """
    if not entry.kept(project):
        raise LogError(f"There is no log yet in {project.state}: it begins when an agent is served.")
    return database.connect(project)


def anchors(project: Project, mailed: Sequence[Path] = ()) -> Anchors:
    """Return the roots that are known here.

    Parameters
    ----------
    mailed
        Files with roots as they were attached to mails.

    Raises
    ------
    LogError
        If a root was forged or changed, or the journal lacks one that was mailed.
    """
    key_file = root_key.place(project)
    key = root_key.read(key_file) if key_file else None
    known = roots.read_journal(roots.journal(key_file), key) if key_file and key else []
    sent = [roots.parse(path.read_text(encoding="utf-8", errors="replace"), str(path), key) for path in mailed]
    for path, root in zip(mailed, sent, strict=True):
        if key_file and root.number and root not in known:
            raise LogError(
                f"{path} is root {root.number} of {root.made}, and {roots.journal(key_file)} does not have it: "
                "the journal was cut, or belongs to another log."
            )
    return Anchors((*known, *(root for root in sent if root not in known)), key_file, key)


def make_root(project: Project, to: str = "", progress: Progress | None = None) -> Daily:
    """Verify the log, export its closed days, and make its root: kept beside the key, mailed, or both.

    A log that does not hold gets a root too, which says so; its days are not exported.

    Parameters
    ----------
    to
        Mail addresses, separated by commas; empty: nobody.

    Raises
    ------
    LogError
        If there is neither a key nor somebody to mail to: the root would be where the log's writer can reach it.
    LoopbookError
        If the mail cannot be sent; the root is in the journal then, if there is one.
    """
    place = root_key.place(project)
    if place is None:
        return _make_root(project, to, progress)
    with FileLock(f"{roots.journal(place)}.lock"):  # their numbers follow on one another
        return _make_root(project, to, progress)


def _make_root(project: Project, to: str, progress: Progress | None) -> Daily:
    known = anchors(project)
    refuse(
        LogError,
        (
            not (known.key_file or to),
            "A root anchors the log only where its writer cannot reach it. Make a key outside the project, "
            f"python -m loopbook audit key FILE, and set {root_key.ADDRESS}=FILE; or give --mail, or both.",
        ),
    )
    server, recipients = (mail.Server.of(), mail.recipients(to)) if to else (None, ())
    engine, folder = opened(project), days.folder(project)
    found = verify(engine, folder, known.roots, progress)
    exported = days.export(engine, folder, datetime.now(UTC)) if found.holds else []
    root = roots.make(engine, folder, len(found.problems), known.last, known.key)
    if known.key_file:
        roots.append(roots.journal(known.key_file), root)
    if server:
        mail.send(server, recipients, *_letter(root, found), root.line)
    return Daily(root, found, tuple(exported))


def named_runs(project: Project) -> frozenset[str]:
    """Return the runs, as scenario/run, by which decisions in the log were taken: they are kept, to be replayed."""
    return frozenset(reader.runs(opened(project))) if entry.kept(project) else frozenset()


def summary(found: Verification) -> list[str]:
    """Return what was verified, in sentences."""
    said = [
        f"{found.records:,} records in {found.chains:,} chains ({found.closed:,} closed by their writers), "
        f"{found.lines:,} lines in the files of {found.days:,} closed days, {found.forgotten:,} payloads forgotten."
    ]
    if not found.roots:
        return [*said, "Anchored by no root: whoever can write to the log could have computed it anew."]
    rest = found.records - found.anchored
    return [
        *said,
        f"Anchored by {found.roots:,} roots, the last of {found.last}: {found.anchored:,} records. The other {rest:,} "
        "came later, and only their chains speak for them.",
    ]


def _letter(root: Root, found: Verification) -> tuple[str, str]:
    """Return a mail's subject and text."""
    state = f"{root.problems:,} PROBLEMS" if root.problems else "it holds"
    text = [
        f"The root of the log, made {root.made}, is attached. Keep it: what is attached cannot be reached from there.",
        "To hold the log against it, save it and type: python -m loopbook audit verify --root summary.json",
        *summary(found),
        *(str(problem) for problem in found.problems[:50]),
    ]
    return f"Loopbook audit: root of {len(root.heads):,} chains, {state}", "\n".join(text)
