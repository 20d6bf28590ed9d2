"""Summary of a night: all its runs, as text for people and as plain values for programs.

All text in it is one line, without controls and personal data: it goes into mails and messages.
"""

import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from loopbook.privacy import personal_data
from loopbook.reports import overview, security
from loopbook.scenario.errors import LoopbookError
from loopbook.statistics import metrics
from loopbook.store.records import Run

Status = Literal["good", "missed", "failed", "refused"]
WORST: tuple[Status, ...] = ("good", "missed", "failed", "refused")
"""From the best to the worst: all well, a criterion missed, a notebook failed, the input was bad."""

_LONGEST = 300  # characters of one line of text from elsewhere


@dataclass(frozen=True)
class Number:
    """A result of this run and of the run before; None where there is none."""

    stage: str
    metric: str
    value: float | None
    before: float | None


@dataclass(frozen=True)
class Failure:
    """What stopped a run: stage and cell, the error's kind and its message."""

    stage: str
    cell: str | None
    kind: str
    message: str


@dataclass(frozen=True)
class Entry:
    """One scenario's night.

    Attributes
    ----------
    run, before
        Names of this run and of the good run before, which numbers and changes are compared with.
    new
        Whether anything was to do.
    seconds
        How long it took, the report included.
    missed
        A sentence for each criterion that is missed.
    report
        Page of this run, as a path on the machine that ran it.
    incidents
        How many are new since the run before, open, and ended since; None where nothing was watched.
    """

    scenario: str
    status: Status
    seconds: float
    run: str | None = None
    before: str | None = None
    new: bool = True
    simulated: bool | None = None
    missed: tuple[str, ...] = ()
    numbers: tuple[Number, ...] = ()
    changes: tuple[str, ...] = ()
    report: str | None = None
    errors: tuple[Failure, ...] = ()
    incidents: dict[str, int] | None = None


@dataclass(frozen=True)
class Summary:
    """A whole night; `notes` say what was pruned, `problems` what went wrong besides the runs."""

    id: str
    started: str
    profile: str
    seconds: float
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @property
    def status(self) -> Status:
        """The worst of the runs; a problem besides them counts as a failure."""
        found = [entry.status for entry in self.entries] + (["failed"] if self.problems else [])
        return max(found, key=WORST.index, default="good")  # type: ignore[arg-type]

    @property
    def subject(self) -> str:
        """One line that says how the night went."""
        counts = Counter(entry.status for entry in self.entries)
        text = ", ".join(f"{counts[status]} {status}" for status in reversed(WORST) if counts[status])
        return f"Loopbook, nightly {self.profile}: {text or 'nothing was run'}"

    def plain(self) -> dict[str, Any]:
        """Return the summary as plain values, for JSON."""
        values = asdict(self)
        return {"status": self.status, "subject": self.subject, **values, "scenarios": values.pop("entries")}

    def text(self) -> str:
        """Return the summary as people read it, in plain lines."""
        head = f"{self.subject}\n{overview.when(self.started)}, {overview.duration(self.seconds)}\n"
        parts = ["\n".join(_lines(entry)) for entry in self.entries]
        rest = [*self.notes, *(f"Problem: {problem}" for problem in self.problems)]
        return "\n\n".join([head.rstrip(), *parts, *(["\n".join(rest)] if rest else [])]) + "\n"


def of_run(run: Run, before: Run | None, report: str, seconds: float) -> Entry:
    """Return the entry of a run that ended, whether or not its notebooks did; `before` itself if nothing was to do."""
    new = before is None or run.run != before.run
    errors = tuple(
        Failure(name, stage.error.cell, line(stage.error.kind), line(stage.error.message))
        for name, stage in run.stages.items()
        if stage.error is not None
    )
    missed = tuple(
        line(f"{criterion.text}: {criterion.metric} {criterion.measured}")
        for criterion in run.criteria
        if criterion.met is False and criterion.value is not None
    )
    return Entry(
        scenario=run.scenario,
        status=run.status,
        seconds=round(seconds, 1),
        run=run.run,
        before=before.run if before else None,
        new=new,
        simulated=run.simulated,
        missed=missed,
        numbers=_numbers(run, before),
        changes=tuple(line(change.sentence) for change in run.changes) if new else (),
        report=report,
        errors=errors,
    )


def of_error(scenario: str, error: Exception, seconds: float) -> Entry:
    """Return the entry of a scenario that was refused, or at which Loopbook itself broke, with the place in it."""
    refused, kind = isinstance(error, LoopbookError), type(error).__name__
    frame = None if refused else traceback.extract_tb(error.__traceback__)[-1]
    place = f"{frame.name}, line {frame.lineno}" if frame else None
    failure = Failure("input" if refused else "loopbook", place, kind, line(str(error)))
    return Entry(line(scenario), "refused" if refused else "failed", round(seconds, 1), errors=(failure,))


def line(text: str) -> str:
    """Return text from anywhere as one short line without controls and personal data."""
    whole = personal_data.mask(" ".join(security.visible(text).split()))
    return whole if len(whole) <= _LONGEST else f"{whole[:_LONGEST]}…"


def _numbers(run: Run, before: Run | None) -> tuple[Number, ...]:
    """Return what criteria ask for, and how good the champion is."""
    wanted = [(criterion.stage, criterion.metric) for criterion in run.criteria]
    deciding = overview.deciding(run)
    if deciding is not None:
        names = (f"test_{name}" for name in metrics.reported(run.task))
        wanted += [(deciding.stage, name) for name in names if name in deciding.metrics]
    found = (
        Number(stage, name, _value(run, stage, name), _value(before, stage, name))
        for stage, name in dict.fromkeys(wanted)
    )
    return tuple(number for number in found if number.value is not None or number.before is not None)


def _value(run: Run | None, stage: str, name: str) -> float | None:
    record = run.stages.get(stage) if run else None
    return record.number(name) if record else None


def _lines(entry: Entry) -> list[str]:
    lines = [f"{entry.scenario}: {entry.status}, in {overview.duration(entry.seconds)}"]
    if entry.simulated:
        lines.append("  Simulated data.")
    if not entry.new:
        lines.append(f"  Nothing was to do since run {entry.run}.")
    for error in entry.errors:
        cell = f", cell {error.cell}" if error.cell else ""
        lines.append(f"  Error at {error.stage}{cell}: {error.kind}: {error.message}")
    if entry.status == "failed" and entry.before:
        lines.append(f"  latest still shows the good run {entry.before}.")
    lines += [f"  Missed: {text}" for text in entry.missed]
    for number in entry.numbers:
        now, was = overview.number(number.value), overview.number(number.before)
        lines.append(f"  {overview.label(number.metric)} ({number.stage}): {now}, before {was}")
    lines += [f"  Changed: {text}" for text in entry.changes]
    if entry.incidents is not None:
        lines.append(f"  Incidents: {', '.join(f'{count} {what}' for what, count in entry.incidents.items())}")
    if entry.report:
        lines.append(f"  Report: {entry.report}")
    return lines
