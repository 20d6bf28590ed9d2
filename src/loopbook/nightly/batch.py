"""A night: several scenarios one after the other, none stopped by another, and no night beside another."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from loopbook import session
from loopbook.nightly import summary
from loopbook.nightly.summary import Entry, Summary
from loopbook.scenario.errors import LoopbookError
from loopbook.store import records
from loopbook.store.content import write_atomically
from loopbook.store.project import Project

if TYPE_CHECKING:
    from rich.console import Console


class Overlap(Exception):
    """Another night is still going on; the message says which process, and since when."""


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Hold the night. The lock goes with the process that holds it, however that ends.

    Raises
    ------
    Overlap
        If another process holds it.
    """
    from filelock import FileLock, Timeout

    project.state.mkdir(parents=True, exist_ok=True)
    note = project.state / "nightly.json"
    lock = FileLock(project.state / "nightly.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise Overlap(
            f"Another nightly run is still going on{_told(note)}. This one does nothing; start it later, or less often."
        ) from None
    try:
        mine = {"process": os.getpid(), "started": datetime.now(UTC).isoformat(timespec="seconds")}
        write_atomically(note, lambda file: file.write_text(json.dumps(mine), encoding="utf-8"))
        yield
    finally:
        lock.release()


def run(
    project: Project,
    scenarios: Sequence[str],
    profile: str,
    console: Console,
    jobs: int | None = None,
    keep_days: float | None = None,
) -> Summary:
    """Run scenarios one after the other, prune old runs, and return what there is to say.

    Parameters
    ----------
    scenarios
        Names, or paths of scenario files.
    console
        Where to say how it goes.
    keep_days
        Runs older than this leave; None: all stay.
    """
    began, clock = datetime.now(UTC), time.monotonic()
    entries = tuple(_one(project, scenario, profile, console, jobs) for scenario in scenarios)
    notes, problems = _pruned(project, keep_days) if keep_days is not None else ((), ())
    return Summary(
        id=summary.named(began),
        started=began.isoformat(timespec="seconds"),
        profile=profile,
        seconds=round(time.monotonic() - clock, 1),
        entries=entries,
        notes=notes,
        problems=problems,
    )


def _one(project: Project, scenario: str, profile: str, console: Console, jobs: int | None) -> Entry:
    begun = time.monotonic()
    name = Path(scenario).stem if scenario.endswith((".yaml", ".yml")) else scenario
    try:
        before = records.latest(project, name, profile)
        record = session.run(session.Request.read(scenario, profile, jobs=jobs), console)
        page = project.reports / record.scenario / record.run / "index.html"
        entry = summary.of_run(record, before, str(page), time.monotonic() - begun)
    except LoopbookError as error:
        console.print(f"{scenario}: {error}", markup=False, soft_wrap=True)
        entry = summary.of_refusal(scenario, error, time.monotonic() - begun)
    except Exception as error:  # a defect of ours at one scenario must not cost the others their night
        console.print_exception()
        entry = summary.of_crash(scenario, error, time.monotonic() - begun)
    return entry


def _pruned(project: Project, days: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Prune, and return what to note and what went wrong."""
    from loopbook.runner import retention

    try:
        left = retention.retain(project, retention.Rule.older_than(days))
        if left.runs:
            session.report(project, None, rebuild=True)
    except (LoopbookError, OSError, ValueError) as error:
        return (), (summary.line(f"Old runs could not be pruned: {error}"),)
    return (left.told(f"older than {days:g} days"),), ()


def _told(note: Path) -> str:
    try:
        held = json.loads(note.read_text(encoding="utf-8"))
        return f" (process {held['process']}, since {held['started']})"
    except (OSError, ValueError, KeyError):
        return ""
