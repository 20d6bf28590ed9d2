"""Run a run again from its record, in a store of its own, and compare the results."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopbook.scenario.errors import LoopbookError
from loopbook.store import content, records, vault
from loopbook.store.packages import read
from loopbook.store.project import Project
from loopbook.store.records import Origin, Run, StageRecord

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
        If the record says too little, or the repetition fails where the run did not.
    """
    if not run.resolved:
        raise LoopbookError(f"The record of {run.run} does not hold its scenario; it was written by an older version.")
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
    command = [sys.executable, "-m", "loopbook", "run", "--scenario", str(file), "--profile", run.profile]
    code = subprocess.run(command, env=environment, cwd=project.root).returncode
    again = _record(place, run)
    if again is None or (run.good and code not in MISSED):
        raise LoopbookError(f"The repetition of {run.run} ended with code {code}; what it wrote is in {place}.")
    return compare(project, run, again)


def compare(project: Project, run: Run, again: Run) -> Comparison:
    """Compare two runs, metric by metric and artifact by artifact."""
    names = list(dict.fromkeys((*run.stages, *again.stages)))
    rows = [row for name in names for row in _metrics(name, run.stages.get(name), again.stages.get(name))]
    artifacts = [
        f"{name}: {each}"
        for name in names
        if name in run.stages and name in again.stages
        for each, digest in run.stages[name].digests.items()
        if again.stages[name].digests.get(each) != digest
    ]
    differing = tuple(row for row in rows if row[2] != row[3])
    return Comparison(run, len(rows), differing, tuple(artifacts), tuple(_obstacles(project, run, again.origin)))


def _metrics(name: str, was: StageRecord | None, now: StageRecord | None) -> Iterator[tuple[str, str, Any, Any]]:
    old, new = (each.metrics if each else {} for each in (was, now))
    for metric in dict.fromkeys((*old, *new)):
        yield name, metric, old.get(metric, "not there"), new.get(metric, "not there")


def _obstacles(project: Project, run: Run, now: Origin) -> Iterator[str]:
    """Say what is not as it was when each stage of the run was computed; a fresh one was computed in an earlier run."""
    told: dict[str, None] = {}
    locked = read(project.lock) if project.lock.is_file() else {}
    for stage in run.stages.values():
        folder = project.store / stage.stage / stage.key
        facts: Mapping[str, Any] = vault.manifest(folder) if stage.key and vault.is_whole(folder) else {}
        was = Origin.model_validate(facts["origin"]) if "origin" in facts else run.origin
        if was.revision != now.revision:
            told[f"other revision: {_short(was.revision)} then, {_short(now.revision)} now"] = None
        if was.uncommitted != now.uncommitted:
            told[f"other uncommitted changes: {_short(was.uncommitted)} then, {_short(now.uncommitted)} now"] = None
        if was.python != now.python:
            told[f"other Python: {was.python} then, {now.python} now"] = None
        for name, value in was.hardware.items():
            if now.hardware.get(name) != value:
                told[f"other hardware: {name} {value} then, {now.hardware.get(name)} now"] = None
        for name, version in dict(facts.get("versions", {})).items():
            present = locked[name].version if name in locked else "none"
            if present != version:
                told[f"other version of {name}: {version} then, {present} now"] = None
    yield from told


def _prepare(project: Project, run: Run, place: Path) -> None:
    """Lay out a data folder with the run's scenario, its sources, and the snapshots that it knew."""
    data, snapshots = place / "data", Path("state") / "snapshots" / run.scenario / run.profile
    (place / "scenario").mkdir(parents=True)
    data.mkdir()
    # JSON is YAML as well.
    text = json.dumps(run.resolved, indent=1, ensure_ascii=False)
    (place / "scenario" / f"{run.scenario}.yaml").write_text(text, encoding="utf-8")
    project.raw.mkdir(parents=True, exist_ok=True)
    (data / "raw").symlink_to(project.raw.resolve(), target_is_directory=True)
    for sealed in (project.data / snapshots).glob("[0-9]*.json"):
        if int(sealed.name.partition("-")[0]) <= run.round:
            (data / snapshots).mkdir(parents=True, exist_ok=True)
            shutil.copy2(sealed, data / snapshots)
    if (project.state / "champions").is_dir():
        shutil.copytree(project.state / "champions", data / "state" / "champions")


def _record(place: Path, run: Run) -> Run | None:
    paths = sorted((place / "data" / "store" / "runs" / run.scenario).glob("[!.]*.json"))
    return records.load(paths[-1]) if paths else None


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
