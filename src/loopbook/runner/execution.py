"""Execute one node of a run: from the store if its key is there, else by its notebook, sealed when it is whole."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopbook.runner.graph import Node
from loopbook.scenario.contract import Scenario
from loopbook.store import content, disk_space, job, keys, origin, sealed, vault
from loopbook.store.declaration import SOURCE_INPUT
from loopbook.store.parameters import flat, is_seed, sections_of
from loopbook.store.project import Project
from loopbook.store.records import ErrorRecord, StageRecord
from loopbook.store.sealed import Sealed
from loopbook.store.snapshots import Snapshot

if TYPE_CHECKING:
    from loopbook.runner.kernels.pool import Kernels, Level

NOTEBOOK, JOB = "notebook.ipynb", "job.json"
"""The executed notebook, beside what its stage has written."""

_TEMPORARY = (
    JOB,
    job.PROGRESS,
    job.OUTPUTS,
    job.RESULTS,
    job.MEASUREMENTS,
    job.USES,
    job.PARAMETERS,
)
"""What runner and notebook tell each other in the work folder; it is in the marker, or of no use, when all is done."""


@dataclass(frozen=True)
class Request:
    """Run request: what a person asks for, and what it stands on.

    Attributes
    ----------
    scenario
        The scenario's name, or the absolute path of its file.
    given
        Given values by dotted name.
    source
        Digest of what the scenario's source holds.
    snapshot
        What the round carries: read once a run, so that what is approved meanwhile belongs to the next.
    served
        What the agent has decided as a service, sealed before the run.
    """

    project: Project
    scenario: str
    resolved: Scenario
    profile: str
    given: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    run: str = ""
    snapshot: Snapshot = field(default_factory=Snapshot)
    served: Sealed = field(default_factory=Sealed)


def inputs(request: Request, node: Node, finished: Mapping[str, StageRecord]) -> dict[str, str]:
    """Return the content digests of all that a node reads, gathers and carries."""
    digests = {name: finished[writer].digests[name] for name, writer in node.reads.items()}
    digests |= {
        f"{name}[{candidate}]": finished[writer].digests[name]
        for name, writers in node.gathers.items()
        for candidate, writer in writers.items()
    }
    if SOURCE_INPUT in node.declaration.reads:
        digests[SOURCE_INPUT] = request.source
    seen = sections_of(node.declaration)
    files = (path for section, path in request.resolved.files if section in seen)
    digests |= {path: content.digest(request.project.root / path) for path in files}
    for name in node.declaration.carries:
        if name in sealed.PARTS:
            digests[f"{sealed.KIND} {name}"] = request.served.digest(name)
        else:
            digests[f"carried {name}"] = request.snapshot.digest(name)
    return digests


def parts(request: Request, node: Node, finished: Mapping[str, StageRecord]) -> keys.Parts:
    """Return what the key of a node is made of whose needs are finished."""
    read = inputs(request, node, finished)
    return keys.stage_parts(node.declaration, request.resolved, node.candidate, read, request.project.lock)


def stored(request: Request, node: Node, stage_key: str) -> StageRecord | None:
    """Return the record of a node whose result is in the store already."""
    folder = request.project.store / node.declaration.stage / stage_key
    if not vault.use(folder):
        return None
    return _record(request, node, stage_key, folder, vault.manifest(folder), "fresh")


def progress(request: Request, node: Node, stage_key: str) -> str:
    """Return what a running node last said of how far it is."""
    try:
        return (_work(request, node, stage_key) / job.PROGRESS).read_text(encoding="utf-8")
    except OSError:
        return ""


def execute(
    request: Request,
    node: Node,
    stage_key: str,
    finished: Mapping[str, StageRecord],
    kernels: Kernels,
    level: Level,
    gpus: Sequence[str] = (),
) -> StageRecord:
    """Execute a node's notebook and seal its outputs; a failed one is kept beside the run's record.

    `gpus` are the ids of those that it may use; none: the kernel's environment is left as it is.
    """
    try:
        return _execute(request, node, stage_key, finished, kernels, level, gpus)
    except (OSError, disk_space.DiskFull) as error:
        if not disk_space.is_full(error):
            raise
        remedy = disk_space.remedy(_work(request, node, stage_key))
        with vault.claimed(_work(request, node, stage_key)) as work, vault.written_by(work):
            content.remove(work)  # give back the room that unfinished work takes
        return _stopped(node, stage_key, "DiskFull", remedy)


def _execute(
    request: Request,
    node: Node,
    stage_key: str,
    finished: Mapping[str, StageRecord],
    kernels: Kernels,
    level: Level,
    gpus: Sequence[str],
) -> StageRecord:
    """Claim the node's folder, run its notebook there; seal what it wrote, or keep how it failed."""
    with vault.claimed(_work(request, node, stage_key)) as work:
        if (already := stored(request, node, stage_key)) is not None:
            return already
        made_of = parts(request, node, finished)
        if keys.key(made_of) != stage_key:
            text = f"{node.name} was edited as it was about to start; the next make takes it as it is then."
            return _stopped(node, stage_key, "Edited", text, made_of["inputs"])
        task = _hand_over(request, node, finished, work)
        begun = time.monotonic()
        failure = _run(request, node, work, kernels, level, gpus)
        facts = _facts(request, node, made_of, work, time.monotonic() - begun)
        if failure is not None:
            return _failed(request, node, task, made_of, failure, facts)
        return _seal(request, node, made_of, work, facts)


def _hand_over(request: Request, node: Node, finished: Mapping[str, StageRecord], work: Path) -> job.Job:
    """Empty the work folder, and write there what the notebook is given."""
    with vault.written_by(work):
        content.remove(work)
        work.mkdir(parents=True)

    def place(writer: str, name: str) -> str:
        return str(request.project.data / finished[writer].artifacts[name])

    task = job.Job(
        stage=node.declaration.stage,
        candidate=node.candidate,
        given=dict(request.given),
        inputs={name: place(writer, name) for name, writer in node.reads.items()},
        gathered={
            name: {candidate: place(writer, name) for candidate, writer in writers.items()}
            for name, writers in node.gathers.items()
        },
        carried={
            name: (request.served if name in sealed.PARTS else request.snapshot).part(name)
            for name in node.declaration.carries
        },
        work=str(work),
    )
    task.save(work / JOB)
    return task


def _run(
    request: Request, node: Node, work: Path, kernels: Kernels, level: Level, gpus: Sequence[str]
) -> ErrorRecord | None:
    """Run the notebook in its folder; what it declares and did not write is a failure too."""
    from loopbook.runner import engine
    from loopbook.runner.kernels.pool import environment

    failure = engine.execute(
        node.declaration.path,
        work / NOTEBOOK,
        _parameters(request, node),
        environment={
            **environment(),
            **({"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}),
            "LOOPBOOK_DATA": str(request.project.data),
            "LOOPBOOK_REPORTS": str(request.project.reports),
            job.VARIABLE: str(work / JOB),
            "LOOPBOOK_PROJECT": str(request.project.root),
        },
        folder=request.project.notebooks,
        kernels=kernels,
        level=level,
    )
    missing = [name for name in node.declaration.writes if name not in _json(work / job.OUTPUTS)]
    if failure is None and missing:
        text = f"{node.name} declares that it writes {', '.join(missing)}, but did not write it."
        return ErrorRecord(kind="Unwritten", message=text)
    if failure is not None and disk_space.is_full(failure.message):
        return failure.model_copy(update={"kind": "DiskFull", "message": disk_space.remedy(work)})
    return failure


def _failed(
    request: Request,
    node: Node,
    task: job.Job,
    made_of: keys.Parts,
    failure: ErrorRecord,
    facts: Mapping[str, Any],
) -> StageRecord:
    """Keep a failed notebook with its job, for ``make debug``, and what its key was made of; return its record."""
    work, project = Path(task.work), request.project
    kept = project.store / "failures" / request.resolved.name / request.run / f"{node.name}.ipynb"
    if (work / NOTEBOOK).is_file():
        content.save(work / NOTEBOOK, kept.with_suffix(""))
        task.save(kept.with_suffix(".json"))
        content.write_json(kept.with_suffix(f".{keys.PARTS}"), made_of)
    shown = str(kept.relative_to(project.data)) if kept.is_file() else None
    return _record(request, node, facts["key"], work, facts, "failed").model_copy(
        update={"error": failure, "notebook": shown, "artifacts": {}, "digests": {}}
    )


def _seal(request: Request, node: Node, made_of: keys.Parts, work: Path, facts: dict[str, Any]) -> StageRecord:
    """Move a finished folder into the store, without what served its making only; return the stage's record."""
    for name in _TEMPORARY:
        content.remove(work / name)
    content.write_json(work / keys.PARTS, made_of)
    target = vault.seal(work, request.project.store / node.declaration.stage / facts["key"], facts)
    return _record(request, node, facts["key"], target, vault.manifest(target), "done")


def _stopped(node: Node, stage_key: str, kind: str, text: str, read: Mapping[str, str] | None = None) -> StageRecord:
    """Return the record of a node whose notebook no failure of its own has stopped."""
    return StageRecord(
        stage=node.declaration.stage,
        candidate=node.candidate,
        key=stage_key,
        state="failed",
        inputs=dict(read or {}),
        error=ErrorRecord(kind=kind, message=text),
    )


def _facts(request: Request, node: Node, made_of: keys.Parts, work: Path, seconds: float) -> dict[str, Any]:
    outputs, executed = _json(work / job.OUTPUTS), _json(work / NOTEBOOK)
    return {
        "stage": node.declaration.stage,
        "candidate": node.candidate,
        "scenario": request.resolved.name,
        "profile": request.profile,
        "run": request.run,
        "key": keys.key(made_of),
        "seconds": round(seconds, 2),
        "parameters": _json(work / job.PARAMETERS) or [],
        "metrics": _json(work / job.RESULTS),
        "measurements": _json(work / job.MEASUREMENTS),
        "artifacts": {name: entry["path"] for name, entry in outputs.items()},
        "digests": {name: entry["digest"] for name, entry in outputs.items()},
        "inputs": made_of["inputs"],
        "uses": sorted(_json(work / job.USES)),
        "origin": origin.origin(request.project.root, request.run).model_dump(),
        "versions": {name: version.rpartition(" ")[0] for name, version in made_of["packages"].items()},
        "seeds": {
            name: value for name, value in flat(made_of["settings"]).items() if is_seed(name) and isinstance(value, int)
        },
        "cells": origin.timings(executed) if executed else {},
    }


def _record(
    request: Request, node: Node, stage_key: str, folder: Path, facts: Mapping[str, Any], state: Any
) -> StageRecord:
    place = folder.relative_to(request.project.data).as_posix()
    return StageRecord(
        stage=node.declaration.stage,
        candidate=node.candidate,
        key=stage_key,
        state=state,
        seconds=facts["seconds"],
        parameters=tuple(facts["parameters"]),
        metrics=facts["metrics"],
        measurements=facts["measurements"],
        notebook=f"{place}/{NOTEBOOK}",
        artifacts={name: f"{place}/{path}" for name, path in facts["artifacts"].items()},
        digests=facts["digests"],
        inputs=facts["inputs"],
    )


def _parameters(request: Request, node: Node) -> dict[str, Any]:
    """Return what papermill injects: the general parameters, and the given ones of this stage."""
    own = {name: f"{node.declaration.section}.{name}" for name in node.declaration.flat}
    given = {name: request.given[full] for name, full in own.items() if full in request.given}
    return {
        "scenario": request.scenario,
        "profile": request.profile,
        **({} if node.candidate is None else {"candidate": node.candidate}),
        **{
            name: value if isinstance(value, bool | int | float | str | None) else str(value)
            for name, value in given.items()
        },
    }


def _work(request: Request, node: Node, stage_key: str) -> Path:
    return request.project.work / node.declaration.stage / stage_key


def _json(path: Path) -> Any:
    return content.read_json(path) if path.is_file() else {}
