"""Why a stage is stale: what its key would be made of now, beside what it was made of in the latest run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from loopbook.runner import execution, graph
from loopbook.runner.execution import Request
from loopbook.runner.graph import Node
from loopbook.scenario.contract import Scenario
from loopbook.store import code, keys, records, vault
from loopbook.store.declaration import SOURCE_INPUT, declarations
from loopbook.store.key_parts import PARTS, flat
from loopbook.store.records import Run, StageRecord

Parts = Mapping[str, Any]
"""What `keys.Parts.plain` returns."""

Kind = Literal["code", "settings", "libraries"]


@dataclass(frozen=True)
class Verdict:
    """Whether a stage is up to date, and what made it stale.

    Attributes
    ----------
    name
        The stage, or the training of a candidate: ``03_training[lstm]``.
    state
        ``fresh``: its result is in the store. ``stale``: it will be executed. ``depends``: nothing of its own has
        changed, but a stage that it reads from is stale; if that one writes the same again, it stays fresh.
    reasons
        For a stale one: files with their lines, parameters, inputs, packages. For one that depends: on what.
    """

    name: str
    state: Literal["fresh", "stale", "depends"]
    reasons: tuple[str, ...] = ()


def why(request: Request) -> tuple[Run | None, list[Verdict]]:
    """Return the latest run of a scenario in a profile, and a verdict on each of its stages, in the order of a run.

    Nothing is executed: a stage behind a stale one is judged with what that one wrote in the latest run.
    """
    with code.once():
        return _why(request)


def _why(request: Request) -> tuple[Run | None, list[Verdict]]:
    project = request.project
    latest = records.latest(project, request.resolved.name, request.profile, good=False)
    nodes = graph.plan(declarations(project.notebooks), request.resolved.training.chosen)
    known: dict[str, StageRecord] = {}
    verdicts: list[Verdict] = []
    unsure: set[str] = set()  # stages that are stale, or depend on one that is
    for name, node in nodes.items():
        before = latest.stages.get(name) if latest is not None else None
        verdict, record = _judge(request, node, known, before, sorted(node.needs & unsure))
        verdicts.append(verdict)
        if record is not None:
            known[name] = record
        if verdict.state != "fresh":
            unsure.add(name)
    return latest, verdicts


def nothing_to_do(request: Request) -> Run | None:
    """Return the latest run if every stage of it is up to date; else None. Nothing but keys is computed for this."""
    latest = records.latest(request.project, request.resolved.name, request.profile)
    if latest is None:
        return None
    known: dict[str, StageRecord] = {}
    with code.once():
        nodes = graph.plan(declarations(request.project.notebooks), request.resolved.training.chosen)
        for name, node in nodes.items():
            record = execution.stored(request, node, execution.key(request, node, known))
            if record is None:
                return None
            known[name] = record
    return latest if same(latest, request.resolved, known) else None


def same(before: Run, scenario: Scenario, stages: Mapping[str, StageRecord]) -> bool:
    """Say whether a run's record says already what another one would: all is fresh, and all texts are the same."""
    keys = {name: record.key for name, record in before.stages.items()}
    return (
        keys == {name: record.key for name, record in stages.items()}
        and all(record.state == "fresh" for record in stages.values())
        and (before.title, before.description) == (scenario.title, scenario.description)
    )


def _judge(
    request: Request, node: Node, known: Mapping[str, StageRecord], before: StageRecord | None, behind: Sequence[str]
) -> tuple[Verdict, StageRecord | None]:
    """Judge one stage; with the record that those behind it are judged by, if there is one."""
    depends = f"depends on {', '.join(behind)}"
    sealed = before if before is not None and before.state in ("fresh", "done") else None
    if not node.needs <= known.keys():
        return Verdict(node.name, "stale", (depends, *_no_result(before))), None
    unwritten = _unwritten(node, known)
    if unwritten:
        return Verdict(node.name, "stale", (depends, *unwritten)), sealed
    parts = execution.parts(request, node, known)
    record = execution.stored(request, node, parts.key)
    if record is not None:
        return Verdict(node.name, "depends" if behind else "fresh", (depends,) if behind else ()), record
    if sealed is None:
        return Verdict(node.name, "stale", (*([depends] if behind else []), *_no_result(before))), None
    folder = request.project.store / sealed.stage / sealed.key
    if not (folder / PARTS).is_file():
        reasons: tuple[str, ...] = (f"its result is not in the store any more: {sealed.stage}/{sealed.key}",)
        return Verdict(node.name, "stale", reasons), sealed
    found = differences(json.loads((folder / PARTS).read_text(encoding="utf-8")), parts, node, request.project.root)
    if not found and not vault.is_whole(folder):
        found = [f"its result is not in the store any more: {sealed.stage}/{sealed.key}"]
    return Verdict(node.name, "stale", (*found, *([depends] if behind else []))), sealed


def _unwritten(node: Node, known: Mapping[str, StageRecord]) -> tuple[str, ...]:
    """Name what a stage reads and the latest run's writer did not write: it was declared since."""
    wanted = [*node.reads.items(), *((name, each) for name, group in node.gathers.items() for each in group.values())]
    return tuple(
        f"input {name}: {writer} had not written it in the latest run"
        for name, writer in wanted
        if name not in known[writer].digests
    )


def _no_result(before: StageRecord | None) -> tuple[str, ...]:
    if before is None:
        return ("no run of this scenario and profile has had it",)
    if before.error is not None:
        return (
            f"it failed in the latest run: {before.error.kind}: {before.error.message.strip().partition(chr(10))[0]}",
        )
    return ("it was skipped in the latest run",)


def differences(was: Parts, now: keys.Parts, node: Node, root: Path) -> list[str]:
    """Return a line for each thing that differs between what a key was made of and what it is made of now.

    Code is named by file and line, and in a notebook by the cell; the rest by parameter, input and package.
    """
    current = now.plain()
    notebook = node.declaration.path
    shown = notebook.relative_to(root).as_posix() if notebook.is_relative_to(root) else notebook.name
    return [
        *chain.from_iterable(made_differently(was, current, shown, root).values()),
        *_inputs(was["inputs"], current["inputs"], node),
    ]


def made_differently(was: Parts, now: Parts, notebook: str, root: Path) -> dict[Kind, list[str]]:
    """Return a line for each difference between what two keys were made of, by its kind, their inputs apart.

    Parameters
    ----------
    was, now
        As `keys.Parts.plain` returns them, or as they are kept beside a stage's outputs.
    notebook
        What to call the notebook.
    root
        The project's folder, which is left out of paths.
    """
    return {
        "code": [
            *_cells(was["cells"], now["cells"], notebook),
            *_about(was["about"], now["about"], notebook),
            *_modules(was["modules"], now["modules"], root),
            *_files(was["resources"], now["resources"]),
        ],
        "settings": [
            *_changed(was["given"], now["given"], f"{notebook}, cell parameters: "),
            *_changed(flat(was["settings"]), flat(now["settings"]), ""),
        ],
        "libraries": list(_packages(was["packages"], now["packages"])),
    }


def _cells(was: Mapping[str, Any], now: Mapping[str, Any], notebook: str) -> Iterator[str]:
    gone = [name for name in was if name not in now]
    for name in now:
        digests = [each[-1] for each in now[name]]
        if name not in was:
            same = next((old for old in gone if [each[-1] for each in was[old]] == digests), None)
            if same is not None:
                gone.remove(same)  # only the cell's id changed, which does not enter the key
                continue
            yield f"{notebook}, cell {name} is new"
        elif [each[-1] for each in was[name]] != digests:
            yield from _statements(was[name], now[name], f"{notebook}, cell {name}")
    yield from (f"{notebook}, cell {name} is gone" for name in gone)
    kept = [name for name in was if name in now]
    if kept != [name for name in now if name in was]:
        yield f"{notebook}, the order of the cells changed"


def _about(was: Mapping[str, Any], now: Mapping[str, Any], notebook: str) -> Iterator[str]:
    yield from (f"{notebook}, what it declares: {line}" for line in _changed(was, now, ""))


def _modules(was: Mapping[str, Any], now: Mapping[str, Any], root: Path) -> Iterator[str]:
    for name, statements in now.items():
        file = code.module_file(name)
        place = _place(file, root) if file is not None else name
        if name not in was:
            yield f"{place}:1 is imported now"
        elif [each[-1] for each in was[name]] != [each[-1] for each in statements]:
            yield from _statements(was[name], statements, place)
    yield from (f"{name} is not imported any more" for name in was if name not in now)


def _statements(was: Sequence[Any], now: Sequence[Any], place: str) -> Iterator[str]:
    """Say which statements of a module or cell are changed, new or gone, with the line where each begins."""
    left = [(name, digest) for name, _, _, digest in was]
    fresh = []
    for name, first, _, digest in now:
        if (name, digest) in left:
            left.remove((name, digest))
        else:
            fresh.append((name, first))
    gone = [name for name, _ in left]
    for name, first in fresh:
        verb = "changed" if name in gone else "is new"
        if name in gone:
            gone.remove(name)
        yield f"{place}:{first} {name or 'a statement'} {verb}"
    last = now[-1][2] if now else 1
    for name in gone:
        line = next(first for each, first, *_ in was if each == name)
        yield f"{place}:{min(line, last)} {name or 'a statement'} is gone"
    if not fresh and not left:
        first = next(new[1] for new, old in zip(now, was, strict=True) if new[3] != old[3])
        yield f"{place}:{first} the order of statements changed"


def _files(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*was, *now}):
        if was.get(name) != now.get(name):
            yield f"src/{name} {'is new' if name not in was else 'is gone' if name not in now else 'changed'}"


def _inputs(was: Mapping[str, str], now: Mapping[str, str], node: Node) -> Iterator[str]:
    for name in sorted({*was, *now}):
        if was.get(name) == now.get(name):
            continue
        plain = name.partition("[")[0]
        writer = node.reads.get(name) or node.gathers.get(plain, {}).get(name[len(plain) + 1 : -1])
        if name == SOURCE_INPUT:
            whence = "the data of the scenario's source"
        elif name.startswith("carried "):
            whence = "approved since"
        else:
            whence = f"written by {writer}" if writer else "a file of the scenario"
        verb = "" if name in was and name in now else " is new" if name in now else " is gone"
        yield f"input {name} ({whence}){verb}"


def _packages(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*was, *now}):
        if was.get(name) == now.get(name):
            continue
        old, new = (each.get(name, "none").rpartition(" ")[0] or "none" for each in (was, now))
        yield f"{name} {old} -> {new}" if old != new else f"{name} {new}: other files in requirements.lock"


def _changed(was: Mapping[str, Any], now: Mapping[str, Any], before: str) -> Iterator[str]:
    for name in dict.fromkeys((*was, *now)):
        if was.get(name) != now.get(name):
            yield f"{before}{name}: {was.get(name)} -> {now.get(name)}"


def _place(file: Path, root: Path) -> str:
    return (
        file.relative_to(root).as_posix()
        if file.is_relative_to(root)
        else f"src/{file.relative_to(code.SOURCE).as_posix()}"
    )
