"""Nightly run: several scenarios side by side, none stopped by another, and no night beside another."""

import json
import os
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from loopbook.operations import incidents, night_summary, session
from loopbook.runner.execution import Request
from loopbook.scenario.errors import LoopbookError
from loopbook.store import locks, records
from loopbook.store.content import write_atomically
from loopbook.store.project import Project


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
    note, lock = project.state / "nightly.json", locks.seized(project.state / "nightly.lock")
    if lock is None:
        raise Overlap(
            f"Another nightly run is still going on{_held(note)}. This one does nothing; start it later, or less often."
        )
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
) -> night_summary.Summary:
    """Run scenarios side by side, prune old runs, and return what there is to say.

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
    entries, untold = _all(project, scenarios, profile, console, jobs)
    notes, problems = _pruned(project, keep_days) if keep_days is not None else ((), ())
    return night_summary.Summary(
        id=f"nightly-{began:%Y%m%d-%H%M%S-%f}",  # a receiver knows by it that it has had the summary already
        started=began.isoformat(timespec="seconds"),
        profile=profile,
        seconds=round(time.monotonic() - clock, 1),
        entries=entries,
        notes=notes,
        problems=(*untold, *problems),
    )


def _all(
    project: Project, scenarios: Sequence[str], profile: str, console: Console, jobs: int | None
) -> tuple[tuple[night_summary.Entry, ...], tuple[str, ...]]:
    """Run the scenarios and tell of their incidents; a defect of ours at one must not cost the others their night."""
    begun = time.monotonic()
    before: list[records.Run | None] = [None] * len(scenarios)
    asked: list[Request | Exception] = []
    for place, scenario in enumerate(scenarios):
        try:
            name = Path(scenario).stem if scenario.endswith((".yaml", ".yml")) else scenario
            before[place] = records.latest(project, name, profile)
            asked.append(session.read(scenario, profile))
        except Exception as error:
            asked.append(error)
    ready = [request for request in asked if isinstance(request, Request)]
    done = iter(session.together(ready, console, jobs))
    outcomes = [next(done) if isinstance(request, Request) else request for request in asked]
    entries = []
    problems: list[str] = []
    for scenario, was, request, outcome in zip(scenarios, before, asked, outcomes, strict=True):
        if isinstance(outcome, tuple):
            record, new = outcome
            page = project.reports / record.scenario / record.run / "index.html"
            entry = night_summary.of_run(record, was, str(page), record.seconds if new else 0.0)
            entries.append(replace(entry, incidents=incidents.counts(project, record, was)))
            if isinstance(request, Request):
                failed = incidents.tell(project, request.resolved, record)
                problems += [night_summary.line(f"{scenario}: alerts by {way}: {why}") for way, why in failed.items()]
        else:
            refused = isinstance(outcome, LoopbookError)
            said = f"{scenario}: {outcome}" if refused else "".join(traceback.format_exception(outcome))
            console.print(said, markup=False, soft_wrap=True)
            entries.append(night_summary.of_error(scenario, outcome, time.monotonic() - begun))
    return tuple(entries), tuple(problems)


def _pruned(project: Project, days: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Prune, and return what to note and what went wrong."""
    from loopbook.operations import auditing, raw_retention
    from loopbook.runner import retention

    try:
        retired = raw_retention.retire(project)
        left = retention.retain(project, retention.Rule.older_than(days), named=auditing.named_runs(project))
        if left.runs:
            session.report(project, None, rebuild=True)
    except (LoopbookError, OSError, ValueError) as error:
        return (), (night_summary.line(f"Old runs could not be pruned: {error}"),)
    return (left.told(f"older than {days:g} days"), *retired.told()), ()


def _held(note: Path) -> str:
    try:
        held = json.loads(note.read_text(encoding="utf-8"))
        return f" (process {held['process']}, since {held['started']})"
    except (OSError, ValueError, KeyError):
        return ""
