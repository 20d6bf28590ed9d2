"""Where a stage's result comes from: the run and the code that computed it, and who wrote what it read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopbook.reports.page import slug
from loopbook.store.records import Run, StageRecord

MARKER = "stage.json"
"""What the store keeps beside a stage's outputs."""

Origins = Mapping[tuple[str, str], Run]
"""The run that computed a result, by the stage's name and key."""


@dataclass(frozen=True)
class Source:
    """Something that a stage read.

    Attributes
    ----------
    whence
        Who wrote it, in words; empty where `stage` says it.
    stage, slug
        The stage of this run that wrote it, and the name of its page.
    key
        The key of that stage.
    run, revision
        The run that computed it, and the code's revision then.
    """

    name: str
    digest: str
    whence: str = ""
    stage: str = ""
    slug: str = ""
    key: str = ""
    run: str = ""
    revision: str = ""


@dataclass(frozen=True)
class Written:
    """Something that a stage wrote, and the stages of this run that read it, with their pages."""

    name: str
    digest: str
    readers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Lineage:
    """Where a stage's result comes from.

    Attributes
    ----------
    run, revision
        The run that computed it (a fresh stage was computed by an earlier one), and the code's revision, with a word
        on uncommitted changes.
    facts
        What else is known: term and text, such as the machine.
    timings
        Seconds of each cell, by the cell's id; empty where nobody noted them.
    """

    run: str
    revision: str
    sources: tuple[Source, ...]
    outputs: tuple[Written, ...]
    facts: tuple[tuple[str, str], ...]
    timings: Mapping[str, float]


def origins(runs: Sequence[Run]) -> Origins:
    """Return who computed what, from the records of all runs, oldest first."""
    found: dict[tuple[str, str], Run] = {}
    for run in runs:
        for name, record in run.stages.items():
            if record.state in ("done", "failed"):
                found.setdefault((name, record.key), run)
    return found


def lineage(run: Run, record: StageRecord, known: Origins, data: Path) -> Lineage:
    """Return the lineage of a stage of a run.

    Parameters
    ----------
    known
        From `origins`.
    data
        Folder that the records' paths are relative to.
    """
    kept = _marker(record, data)
    origin = kept.get("origin") or {}
    made_by = known.get((record.name, record.key), run)
    return Lineage(
        run=str(kept.get("run") or made_by.run),
        revision=_revision(origin.get("revision"), origin.get("uncommitted")) or revision(made_by),
        sources=tuple(_source(run, name, digest, known) for name, digest in record.inputs.items()),
        outputs=tuple(_written(run, record, name) for name in record.artifacts),
        facts=tuple(_facts(kept, origin)),
        timings={str(name): float(value) for name, value in (kept.get("cells") or {}).items()},
    )


def revision(run: Run) -> str:
    """Return the revision of a run's code in words; empty without git."""
    return _revision(run.revision, run.dirty)


def writer(run: Run, name: str, digest: str) -> StageRecord | None:
    """Return the stage of a run that wrote an input; ``model[lstm]`` is the ``model`` of candidate lstm."""
    plain, _, candidate = name.partition("[")
    for record in run.stages.values():
        if record.digests.get(plain) == digest and (not candidate or record.candidate == candidate[:-1]):
            return record
    return None


def _source(run: Run, name: str, digest: str, known: Origins) -> Source:
    record = writer(run, name, digest)
    if record is not None:
        made_by = known.get((record.name, record.key), run)
        return Source(
            name, digest, stage=record.name, slug=slug(record), key=record.key, run=made_by.run,
            revision=revision(made_by),
        )  # fmt: skip
    if name == "source":
        return Source(name, digest, "the scenario's source")
    if name.startswith("carried "):
        return Source(name, digest, f"what was approved before round {run.round}" if run.round else "nothing yet")
    return Source(name, digest, "a file of the scenario")


def _written(run: Run, record: StageRecord, name: str) -> Written:
    digest = record.digests.get(name, "")
    named = f"{name}[{record.candidate}]" if record.candidate else name
    readers = tuple(
        (other.name, slug(other))
        for other in run.stages.values()
        if digest and digest in (other.inputs.get(named), other.inputs.get(name))
    )
    return Written(name, digest, readers)


def _marker(record: StageRecord, data: Path) -> Mapping[str, Any]:
    """Read what the store keeps of a stage; a failed one, or one that has left the store, has nothing there."""
    path = (data / record.notebook).with_name(MARKER) if record.notebook and record.state != "failed" else None
    if path is None or not path.is_file():
        return {}
    return dict(json.loads(path.read_text(encoding="utf-8", errors="replace")))


def _revision(name: str | None, changed: object) -> str:
    return f"{name[:10]}{' with uncommitted changes' if changed else ''}" if name else ""


def _facts(kept: Mapping[str, Any], origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    hardware = origin.get("hardware") or {}
    facts = []
    if hardware:
        memory = f"{hardware['memory'] / 2**30:.0f} GB" if hardware.get("memory") else ""
        gpus = ", ".join(map(str, hardware.get("gpus") or ()))
        cores = f"{hardware['cores']} cores" if hardware.get("cores") else ""
        parts = [str(hardware.get("system", "")), str(hardware.get("processor", "")), cores, memory, gpus]
        facts.append(("Machine", ", ".join(part for part in parts if part)))
    if origin.get("python"):
        facts.append(("Python", str(origin["python"])))
    facts += [
        (term.capitalize(), ", ".join(f"{name} {value}" for name, value in kept[term].items()))
        for term in ("versions", "seeds")
        if kept.get(term)
    ]
    return facts
