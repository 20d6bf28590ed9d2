"""Differences between two keys: what each was made of, by file and line, parameter, input and package."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from loopbook.runner.graph import Node
from loopbook.store import code
from loopbook.store.declaration import SOURCE_INPUT
from loopbook.store.keys import Parts
from loopbook.store.parameters import flat

Kind = Literal["code", "settings", "libraries"]


def differences(was: Parts, now: Parts, node: Node, root: Path) -> list[str]:
    """Return a line for each thing that differs between what a key was made of and what it is made of now.

    Code is named by file and line, and in a notebook by the cell; the rest by parameter, input and package.
    """
    notebook = node.declaration.path
    shown = notebook.relative_to(root).as_posix() if notebook.is_relative_to(root) else notebook.name
    return [
        *chain.from_iterable(made_differently(was, now, shown, root).values()),
        *_inputs(was["inputs"], now["inputs"], node),
    ]


def made_differently(was: Parts, now: Parts, notebook: str, root: Path) -> dict[Kind, list[str]]:
    """Return a line for each difference between what two keys were made of, by its kind, their inputs apart.

    Parameters
    ----------
    was, now
        As `keys.stage_parts` returns them, or as they are kept beside a stage's outputs.
    notebook
        What to call the notebook.
    root
        The project's folder, which is left out of paths.
    """
    return {
        "code": [
            *_cells(was["cells"], now["cells"], notebook),
            *_changed(was["about"], now["about"], f"{notebook}, what it declares: "),
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
    for name, statements in now.items():
        # Where only its id changed, which does not enter the key, it is the same cell.
        old = name if name in was else next((old for old in gone if _same(was[old], statements)), None)
        if old is None:
            yield f"{notebook}, cell {name} is new"
        elif old in gone:
            gone.remove(old)
        elif not _same(was[old], statements):
            yield from _statements(was[old], statements, f"{notebook}, cell {name}")
    yield from (f"{notebook}, cell {name} is gone" for name in gone)
    if [name for name in was if name in now] != [name for name in now if name in was]:
        yield f"{notebook}, the order of the cells changed"


def _same(was: Sequence[Any], now: Sequence[Any]) -> bool:
    return [statement[-1] for statement in was] == [statement[-1] for statement in now]


def _modules(was: Mapping[str, Any], now: Mapping[str, Any], root: Path) -> Iterator[str]:
    for name, statements in now.items():
        file = code.module_file(name)
        place = _place(file, root) if file is not None else name
        if name not in was:
            yield f"{place}:1 is imported now"
        elif not _same(was[name], statements):
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
        line = next(first for old, first, *_ in was if old == name)
        yield f"{place}:{min(line, last)} {name or 'a statement'} is gone"
    if not fresh and not left:
        first = next(new[1] for new, old in zip(now, was, strict=True) if new[3] != old[3])
        yield f"{place}:{first} the order of statements changed"


def _files(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    yield from (
        f"src/{name} {'is new' if name not in was else 'is gone' if name not in now else 'changed'}"
        for name in sorted(differing(was, now))
    )


def _inputs(was: Mapping[str, str], now: Mapping[str, str], node: Node) -> Iterator[str]:
    for name in sorted(differing(was, now)):
        plain = name.partition("[")[0]
        writer = node.reads.get(name) or node.gathers.get(plain, {}).get(name[len(plain) + 1 : -1])
        whence = f"written by {writer}" if writer else "a file of the scenario"
        if name == SOURCE_INPUT:
            whence = "the data of the scenario's source"
        elif name.startswith("carried "):
            whence = "carried over from earlier rounds"
        elif name.startswith("sealed "):
            whence = "decided and said since, where the agent is served"
        verb = "" if name in was and name in now else " is new" if name in now else " is gone"
        yield f"input {name} ({whence}){verb}"


def _packages(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(differing(was, now)):
        old, new = (each.get(name, "none").rpartition(" ")[0] or "none" for each in (was, now))
        yield f"{name} {old} -> {new}" if old != new else f"{name} {new}: other files in requirements.lock"


def _changed(was: Mapping[str, Any], now: Mapping[str, Any], before: str) -> Iterator[str]:
    yield from (f"{before}{name}: {was.get(name)} -> {now.get(name)}" for name in differing(was, now))


def differing(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names whose values are not the same in both, in their order."""
    return [name for name in dict.fromkeys((*was, *now)) if was.get(name) != now.get(name)]


def _place(file: Path, root: Path) -> str:
    return (
        file.relative_to(root).as_posix()
        if file.is_relative_to(root)
        else f"src/{file.relative_to(code.SOURCE).as_posix()}"
    )
