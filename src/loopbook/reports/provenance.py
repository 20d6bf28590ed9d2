"""Where a stage's result comes from: the run and the code that computed it, and who wrote what it read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loopbook.reports.page import slug
from loopbook.store import sealed, vault
from loopbook.store.records import Run, StageRecord

Origins = Mapping[tuple[str, str], Run]
"""The run that computed a result, by the stage's name and key."""


def origins(runs: Sequence[Run]) -> Origins:
    """Return who computed what, from the records of all runs, oldest first."""
    return {
        (name, record.key): run
        for run in reversed(runs)
        for name, record in run.stages.items()
        if record.state in ("done", "failed")
    }


def lineage(run: Run, record: StageRecord, known: Origins, data: Path) -> dict[str, Any]:
    """Return the lineage of a stage of a run.

    Parameters
    ----------
    known
        From `origins`.
    data
        Folder that the records' paths are relative to.

    Returns
    -------
    dict
        ``run`` and ``revision``: the run that computed it (a fresh stage was computed by an earlier one), and the
        code's revision, with a word on uncommitted changes. ``sources``, what it read, each with the stage of this run
        that wrote it or else in words ``whence`` it comes. ``outputs``, what it wrote, with the stages of this run that
        read it and their pages. ``facts``, what else is known: term and text, such as the machine.
    """
    kept = _marker(record, data)
    origin = kept.get("origin") or {}
    made_by = known.get((record.name, record.key), run)
    return {
        "run": kept.get("run") or made_by.run,
        "revision": _revision(origin.get("revision"), origin.get("uncommitted"))
        or _revision(made_by.revision, made_by.dirty),
        "sources": [_source(run, name, digest, known) for name, digest in record.inputs.items()],
        "outputs": [_written(run, record, name) for name in record.artifacts],
        "facts": _facts(kept, origin),
    }


def _source(run: Run, name: str, digest: str, known: Origins) -> dict[str, str]:
    """Return an input with its writer; ``model[lstm]`` is the ``model`` of candidate lstm."""
    plain, _, candidate = name.partition("[")
    for record in run.stages.values():
        if record.digests.get(plain) == digest and (not candidate or record.candidate == candidate[:-1]):
            made_by = known.get((record.name, record.key), run)
            return {
                "name": name,
                "digest": digest,
                "stage": record.name,
                "slug": slug(record),
                "key": record.key,
                "run": made_by.run,
                "revision": _revision(made_by.revision, made_by.dirty),
            }
    whence = "the scenario's source" if name == "source" else "a file of the scenario"
    if name.startswith("carried "):
        whence = f"what was approved before round {run.round}" if run.round else "nothing yet"
    if name.startswith("sealed "):
        told = {
            sealed.SERVED: "what the agent had decided as a service",
            sealed.SAID: "what was said of its decisions",
            sealed.USED: "how people used the service's pages",
            sealed.TALKED: "the conversations that it had with customers",
            sealed.LISTED: "the lists that it had shown, and the clicks on them",
        }
        whence = "nothing: it was not served" if digest == sealed.NOTHING else told[name.partition(" ")[2]]
    return {"name": name, "digest": digest, "stage": "", "whence": whence}


def _written(run: Run, record: StageRecord, name: str) -> dict[str, Any]:
    digest = record.digests.get(name, "")
    named = f"{name}[{record.candidate}]" if record.candidate else name
    readers = [
        (other.name, slug(other))
        for other in run.stages.values()
        if digest and digest in (other.inputs.get(named), other.inputs.get(name))
    ]
    return {"name": name, "digest": digest, "readers": readers}


def _marker(record: StageRecord, data: Path) -> Mapping[str, Any]:
    """Read what the store keeps of a stage; a failed one, or one that has left the store, has nothing there."""
    path = (data / record.notebook).with_name(vault.MARKER) if record.notebook and record.state != "failed" else None
    return vault.marker(path.parent) if path is not None and vault.kept(path) else {}


def _revision(name: str | None, changed: object) -> str:
    return f"{name[:10]}{' with uncommitted changes' if changed else ''}" if name else ""


def _facts(kept: Mapping[str, Any], origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    hardware = origin.get("hardware") or {}
    cores = f"{hardware['cores']} cores" if hardware.get("cores") else ""
    memory = f"{hardware['memory'] / 2**30:.0f} GB" if hardware.get("memory") else ""
    parts = [hardware.get("system"), hardware.get("processor"), cores, memory, *(hardware.get("gpus") or ())]
    facts = {"Machine": ", ".join(str(part) for part in parts if part), "Python": str(origin.get("python") or "")}
    facts |= {
        term.capitalize(): ", ".join(f"{name} {value}" for name, value in (kept.get(term) or {}).items())
        for term in ("versions", "seeds")
    }
    return [(term, text) for term, text in facts.items() if text]
