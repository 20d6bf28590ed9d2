"""Run a run again from its record, in a store of its own, and compare the results."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopbook.scenario.errors import LoopbookError
from loopbook.store import content, records, sealed, vault
from loopbook.store.packages import read
from loopbook.store.project import Project
from loopbook.store.records import Origin, Run, StageRecord
from loopbook.store.sealed import Sealed

MISSED = (0, 3)
"""Exit codes of a run whose stages are all there; 3: a criterion is missed, which is a result as well."""


@dataclass(frozen=True)
class Comparison:
    """A run beside its repetition.

    Attributes
    ----------
    compared
        Number of metrics that were compared. Measurements (times, sizes) vary and are left out.
    differing
        Stage, metric, the value then, the value now.
    artifacts
        Stages and artifacts whose content differs.
    obstacles
        What keeps the two from being equal: other code, other libraries, another machine.
    """

    run: Run
    compared: int
    differing: tuple[tuple[str, str, Any, Any], ...]
    artifacts: tuple[str, ...]
    obstacles: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether no metric differs."""
        return not self.differing


def reproduce(project: Project, run: Run) -> Comparison:
    """Execute a run again, with the scenario in its record and what its round carried, and compare.

    It works in ``data/reproduced/<scenario>/<run>``, which is made anew; sources as they came are shared.

    Raises
    ------
    LoopbookError
        If the repetition fails where the run did not.
    """
    place = project.reproduced / run.scenario / run.run
    content.remove(place)
    _prepare(project, run, place)
    file = place / "scenario" / f"{run.scenario}.yaml"
    environment = {
        **os.environ,
        "LOOPBOOK_PROJECT": str(project.root),
        "LOOPBOOK_DATA": str(place / "data"),
        "LOOPBOOK_REPORTS": str(place / "reports"),
    }
    environment.pop("LOOPBOOK_DATABASE", None)  # what is served today is another run's
    command = [sys.executable, "-m", "loopbook", "run", "--scenario", str(file), "--profile", run.profile]
    code = subprocess.run(command, env=environment, cwd=project.root).returncode
    paths = records.by_age(place / "data" / "store" / "runs", run.scenario)
    again = records.load(paths[-1], records.Run) if paths else None
    if again is None or (run.good and code not in MISSED):
        raise LoopbookError(f"The repetition of {run.run} ended with code {code}; what it wrote is in {place}.")
    return compare(project, run, again)


def compare(project: Project, run: Run, again: Run) -> Comparison:
    """Compare two runs, metric by metric and artifact by artifact."""
    names = list(dict.fromkeys((*run.stages, *again.stages)))
    rows = [row for name in names for row in _metrics(name, run.stages.get(name), again.stages.get(name))]
    artifacts = [
        f"{name}: {artifact}"
        for name in names
        if name in run.stages and name in again.stages
        for artifact, digest in run.stages[name].digests.items()
        if again.stages[name].digests.get(artifact) != digest
    ]
    differing = tuple(row for row in rows if row[2] != row[3])
    return Comparison(run, len(rows), differing, tuple(artifacts), tuple(_obstacles(project, run, again.origin)))


def _metrics(name: str, was: StageRecord | None, now: StageRecord | None) -> list[tuple[str, str, Any, Any]]:
    old, new = (record.metrics if record else {} for record in (was, now))
    known = dict.fromkeys((*old, *new))
    return [(name, metric, old.get(metric, "not there"), new.get(metric, "not there")) for metric in known]


def _obstacles(project: Project, run: Run, now: Origin) -> Iterator[str]:
    """Say what is not as it was when each stage of the run was computed; a fresh one was computed in an earlier run."""
    told: dict[str, None] = {}
    locked = read(project.lock) if project.lock.is_file() else {}
    for stage in run.stages.values():
        folder = project.store / stage.stage / stage.key
        facts: Mapping[str, Any] = vault.manifest(folder) if stage.key and vault.is_whole(folder) else {}
        was = Origin.model_validate(facts["origin"]) if "origin" in facts else run.origin
        compared = [
            ("revision:", _short(was.revision), _short(now.revision)),
            ("uncommitted changes:", _short(was.uncommitted), _short(now.uncommitted)),
            ("Python:", was.python, now.python),
            *((f"hardware: {name}", value, now.hardware.get(name)) for name, value in was.hardware.items()),
        ]
        compared += [
            (f"version of {name}:", version, locked[name].version if name in locked else "none")
            for name, version in facts.get("versions", {}).items()
        ]
        told |= dict.fromkeys(f"other {what} {old} then, {new} now" for what, old, new in compared if old != new)
    yield from told


def _prepare(project: Project, run: Run, place: Path) -> None:
    """Lay out a data folder with the run's scenario, its sources, the snapshots that it knew, and what was sealed."""
    data, snapshots = place / "data", Path("state") / "snapshots" / run.scenario / run.profile
    data.mkdir(parents=True)
    content.write_json(place / "scenario" / f"{run.scenario}.yaml", run.resolved)  # JSON is YAML as well
    project.raw.mkdir(parents=True, exist_ok=True)
    (data / "raw").symlink_to(project.raw.resolve(), target_is_directory=True)
    for snapshot in (project.data / snapshots).glob("[0-9]*.json"):
        if int(snapshot.name.partition("-")[0]) <= run.round:
            content.save(snapshot, data / snapshots / snapshot.stem)
    served = _extract(project, run)
    if served.key:
        kept = Path("store") / sealed.KIND / served.key
        shutil.copytree(project.data / kept, data / kept)
        pointer = data / "state" / sealed.KIND / run.scenario / f"{run.profile}.json"
        content.write_json(pointer, {"key": served.key, "digests": dict(served.digests)})
    if (project.state / "champions").is_dir():
        shutil.copytree(project.state / "champions", data / "state" / "champions")


def _extract(project: Project, run: Run) -> Sealed:
    """Return the extract of the log of a served agent that a run's stages carried.

    Raises
    ------
    LoopbookError
        If it has left the store.
    """
    mark = f"{sealed.KIND} "
    inputs = [item for stage in run.stages.values() for item in stage.inputs.items() if item[0].startswith(mark)]
    carried = {name.removeprefix(mark): digest for name, digest in inputs if digest != sealed.NOTHING}
    if not carried:
        return Sealed()
    for folder in sorted((project.store / sealed.KIND).glob("*")):
        if vault.is_whole(folder) and vault.manifest(folder)["digests"] == carried:
            return Sealed(folder.name, carried)
    raise LoopbookError(f"What {run.run} has sealed of the served agent's log is not in the store any more.")


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
