"""Retention: old runs leave, then the outputs that no remaining run names.

What stays whatever its age: the newest run and the newest good run of every scenario and profile, runs by which
decisions in the log of served agents were taken, what they and all other remaining runs name, outputs that a sealed
snapshot calls its champion, and whatever a run in progress may use. ``data/state`` is never touched, nor is
``data/raw``, whose copies have a time of their own (`raw_retention`).
"""

import re
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self, TypeVar

from filelock import FileLock

from loopbook.runner.ongoing import Ongoing, ongoing
from loopbook.scenario.errors import LoopbookError
from loopbook.store import content, records, sweep_records, vault
from loopbook.store.project import Project
from loopbook.store.records import Run
from loopbook.store.sweep_records import Sweep

T = TypeVar("T", Run, Sweep)


@dataclass(frozen=True)
class Rule:
    """What may leave.

    Attributes
    ----------
    before
        Records of runs that began earlier leave, and outputs that no run names and that nothing has used since; None:
        all stay.
    unnamed_bytes
        Of the unnamed, those used last stay, up to so many bytes; None: as many as there are.
    """

    before: datetime | None = None
    unnamed_bytes: int | None = None

    @classmethod
    def older_than(cls, days: float | None, unnamed_bytes: int | None = None) -> Self:
        """Return the rule that lets runs and unnamed outputs leave after some days; None: all stay."""
        return cls(None if days is None else datetime.now(UTC) - timedelta(days=days), unnamed_bytes)

    @classmethod
    def read(cls, days: float | None, size: str | None) -> tuple[Self, str]:
        """Return the rule that a person typed, of which at least one part is given, and how it is told.

        Raises
        ------
        LoopbookError
            If the size is none.
        """
        told = [
            *([f"older than {days:g} days"] if days is not None else []),
            *([f"beyond {size} of outputs that no run names"] if size is not None else []),
        ]
        return cls.older_than(days, None if size is None else _bytes(size)), ", or ".join(told)


@dataclass(frozen=True)
class Plan:
    """What leaves and what stays.

    Attributes
    ----------
    runs, outputs
        What leaves: records of runs, and folders of the store.
    size
        Bytes in `outputs`.
    kept_runs
        Number of remaining runs.
    named, unnamed
        Number of remaining outputs that something names, and of others.
    running
        Runs in progress; what was used since the oldest began stays.
    sweeps
        Sweeps that leave, with all their points.
    """

    runs: tuple[Run, ...]
    outputs: tuple[Path, ...]
    size: int
    kept_runs: int
    named: int
    unnamed: int
    running: tuple[Ongoing, ...]
    sweeps: tuple[Sweep, ...] = ()

    def told(self, rule: str) -> str:
        """Return what leaves and what stays in one sentence; `rule` says what leaves."""
        going = f", {len(self.running)} of them in progress" if self.running else ""
        return (
            f"Pruned what is {rule}: {_count(self.runs, 'run')} and {_count(self.outputs, 'output')} that no run names "
            f"({self.size / 1e6:,.1f} MB). Kept: {self.kept_runs + len(self.running)} runs{going}, "
            f"{self.named} outputs that they name and {self.unnamed} others."
        )


def retain(project: Project, rule: Rule, *, named: Collection[str] = (), dry: bool = False) -> Plan:
    """Take away what the rule lets leave.

    Each step can be cut short by a kill: what is left then is taken away the next time. Records go before what they
    name, so no remaining run lacks an output.

    Parameters
    ----------
    project
        Whose store, records and reports.
    rule
        What may leave.
    named
        Runs, as scenario/run, that stay whatever the rule says: the log of served agents names them.
    dry
        Take nothing away.

    Returns
    -------
    Plan
        What left, or would. The site's index still shows runs that left until it is built again.
    """
    project.reports.mkdir(parents=True, exist_ok=True)
    project.store.mkdir(parents=True, exist_ok=True)
    trash = project.work / "trash"
    with FileLock(project.reports_lock), vault.guarded(project.store):
        found = plan(project, rule, named)
        if dry:
            return found
        places = [(run.scenario, run.run, project.runs / run.scenario / run.run) for run in found.runs]
        for sweep in found.sweeps:
            record = sweep_records.path(project, sweep.scenario, sweep.sweep).with_suffix("")
            places.append((sweep.scenario, f"{sweep_records.FOLDER}/{sweep.sweep}", record))
        for scenario, place, record in places:
            content.remove(project.reports / scenario / place)
            content.remove(project.store / "failures" / scenario / place)
            content.remove(record.with_name(f"{record.name}.json"))
            content.remove(record)
        own = trash / uuid.uuid4().hex
        for folder in found.outputs:  # in one step each, so that none is ever half there
            (own / folder.parent.name).mkdir(parents=True, exist_ok=True)
            folder.rename(own / folder.parent.name / folder.name)
    with FileLock(project.work / "trash.lock"):  # others may go on with the store meanwhile
        for left in trash.glob("*"):
            content.remove(left)
    return found


def plan(project: Project, rule: Rule, named: Collection[str] = ()) -> Plan:
    """Return what a rule lets leave; to be called where nothing can begin to use the store (`vault.guarded`)."""
    running = tuple(ongoing(project))  # before the records: a run that ends in between has its record saved
    runs, sweeps = records.runs(project), sweep_records.sweeps(project)
    good = {(run.scenario, run.profile): run.run for run in runs if run.good}
    stay = {*named, *(f"{scenario}/{run}" for (scenario, _), run in good.items())}
    leaving = [run for run in _old(runs, rule) if f"{run.scenario}/{run.run}" not in stay]
    old = _old(sweeps, rule)
    gone_runs = {(run.scenario, run.run) for run in leaving}
    kept = [run for run in runs if (run.scenario, run.run) not in gone_runs]
    points = [run for sweep in sweeps if sweep not in old for run in sweep_records.runs(project, sweep).values()]
    outputs = vault.folders(project.store)
    needed = _named(project, [*kept, *points], outputs)
    used = {folder: _used(folder) for folder in outputs if folder not in needed}
    begun = min((run.started for run in running), default=datetime.now(UTC))
    gone = [folder for folder in _beyond(used, rule) if used[folder] < begun]
    return Plan(
        runs=tuple(leaving),
        outputs=tuple(gone),
        size=sum(content.size(folder) for folder in gone),
        kept_runs=len(kept),
        named=len(outputs) - len(used),
        unnamed=len(used) - len(gone),
        running=running,
        sweeps=tuple(old),
    )


def _old(found: Sequence[T], rule: Rule) -> list[T]:
    """Return the runs or sweeps that leave by their age; the newest of each scenario and profile stays."""
    newest = {(record.scenario, record.profile): record for record in found}
    return [
        record
        for record in found
        if rule.before is not None
        and datetime.fromisoformat(record.started) < rule.before
        and record is not newest[record.scenario, record.profile]
    ]


def _named(project: Project, runs: Iterable[Run], outputs: list[Path]) -> set[Path]:
    """Return the outputs that stay because a run or a snapshot names them, or because one of these uses them."""
    sealed = [content.read_json(path) for path in (project.state / "snapshots").rglob("[!.]*-*.json")]
    champions = {snapshot[name] for snapshot in sealed for name in ("champion", "first") if snapshot.get(name)}
    stages = {project.store / stage.stage / stage.key for run in runs for stage in run.stages.values() if stage.key}
    named = set()
    for folder in outputs:
        facts = vault.manifest(folder) if vault.is_whole(folder) else {}
        if folder in stages or not champions.isdisjoint(facts.get("digests", {}).values()):
            named |= {folder, *(project.store / used for used in facts.get("uses", ()))}
    return named & set(outputs)


def _used(folder: Path) -> datetime:
    """Return when a folder of the store was finished or used last."""
    marker = folder / vault.MARKER
    return datetime.fromtimestamp((marker if marker.is_file() else folder).stat().st_mtime, UTC)


def _beyond(used: dict[Path, datetime], rule: Rule) -> list[Path]:
    """Return the unnamed outputs that are too old, or too many, the last used first."""
    gone, room = [], rule.unnamed_bytes
    for folder in sorted(used, key=lambda each: used[each], reverse=True):
        if room is not None:
            room -= content.size(folder)
        if (rule.before is not None and used[folder] < rule.before) or (room is not None and room < 0):
            gone.append(folder)
    return gone


def _bytes(size: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT]?)B?", size.strip())
    if found is None:
        raise LoopbookError(f"{size!r} is no size. Write a number of bytes with a unit, such as 5GB or 500MB.")
    return int(float(found[1]) * 1_000 ** " kMGT".index(found[2] or " "))


def _count(items: tuple[object, ...], word: str) -> str:
    return f"{len(items):,} {word}{'' if len(items) == 1 else 's'}"
