"""The modules that a piece of code imports, directly or not, digested by what they do."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from loopbook.scenario.errors import LoopbookError
from loopbook.store import syntax
from loopbook.store.content import digest_file

SOURCE = Path(__file__).resolve().parents[2]
"""The folder that holds the package, and the packages of users' own architectures; meant where none is given."""

COMPOSING = "loopbook.scenario.contract"
"""The module that composes a scenario of its sections. Whoever imports it does not depend on them: the values of the
sections that a stage sees are in its key, and `keys.stage_parts` adds the code of those; a new default of another
section changes nothing there."""


T = TypeVar("T")
_once: dict[Hashable, Any] | None = None


@contextmanager
def once() -> Iterator[None]:
    """Within, look up and read each module once: a pass over all stages sees the sources as they are then."""
    global _once
    before, _once = _once, {}
    try:
        yield
    finally:
        _once = before


def digest_source(text: str) -> str:
    """Return the digest of a module's code, without comments, docstrings and layout."""
    return syntax.read(text).digest


def imported(names: Iterable[str], module: str = "", source: Path | None = None) -> set[str]:
    """Return those of the names that `module` imports which are modules in `source`, with their parent packages."""
    full = {full for name in names if ours(full := _absolute(name, module, source), source)}
    parents = {".".join(name.split(".")[:depth]) for name in full for depth in range(1, name.count(".") + 2)}
    return {name for name in parents if module_file(name, source) is not None}


def uses(modules: Iterable[str], libraries: Iterable[str], source: Path | None = None) -> bool:
    """Say whether `modules` use one of some libraries.

    Followed are the modules that a module imports as it is imported itself; what it imports inside a function only is
    meant for a case apart. A library counts wherever in those modules it is imported.
    """
    waiting, seen, wanted = list(modules), set(), set(libraries)
    while waiting:
        name = waiting.pop()
        file = module_file(name, source)
        if name in seen or file is None:
            continue
        seen.add(name)
        reading = _read(file)
        if wanted & {each.partition(".")[0] for each in reading.imports}:
            return True
        waiting += imported(reading.at_once, name, source)
    return False


def readings(modules: Iterable[str], source: Path | None = None) -> dict[str, syntax.Reading]:
    """Return `modules` and all that they import from `source`, directly or not, by name.

    What `COMPOSING` imports is not followed from there.

    Raises
    ------
    LoopbookError
        If one of `modules` is not there, or one that they import is no Python.
    """
    waiting, found = list(modules), {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name], followed = _remembered(("module", name, source), partial(_module, name, source or SOURCE))
            waiting += followed
    return dict(sorted(found.items()))


def _module(name: str, source: Path) -> tuple[syntax.Reading, set[str]]:
    """Return what a module does, and the modules in `source` that are followed from it."""
    file = module_file(name, source)
    if file is None:
        raise LoopbookError(f"There is no module {name} in {source.name}/, where code that enters keys must be.")
    try:
        reading = _read(file)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise LoopbookError(f"{source.name}/{file.relative_to(source)} cannot be read as Python: {error}") from error
    return reading, set() if name == COMPOSING else imported([*reading.imports, name], name, source)


def members(package: str) -> set[str]:
    """Return the names of the modules in a package, without those of packages in it."""
    file = module_file(package)
    return set() if file is None else {f"{package}.{path.stem}" for path in file.parent.glob("[!_]*.py")}


def closure(modules: Iterable[str], source: Path | None = None) -> dict[str, str]:
    """Return the digests of all that `readings` returns, by name."""
    return {name: reading.digest for name, reading in readings(modules, source).items()}


def resources(modules: Iterable[str], source: Path | None = None) -> dict[str, str]:
    """Return the digests of the files that lie in the packages among `modules` and are no Python, by their place."""
    source = source or SOURCE
    found = {}
    for name in modules:
        file = module_file(name, source)
        if file is not None and file.name == "__init__.py":
            found.update(_remembered(("data", file.parent, source), partial(_digests, file.parent, source)))
    return dict(sorted(found.items()))


def _digests(folder: Path, source: Path) -> dict[str, str]:
    return {path.relative_to(source).as_posix(): digest_file(path) for path in _data(folder)}


def module_file(name: str, source: Path | None = None) -> Path | None:
    """Return the file of a module, or None if there is no such module (an imported name, for instance)."""
    source = source or SOURCE
    return _remembered((name, source), lambda: _find(name, source))


def _find(name: str, source: Path) -> Path | None:
    path = os.path.join(source, *name.split("."))  # noqa: PTH118 (asked thousands of times a run)
    return next((Path(file) for file in (f"{path}/__init__.py", f"{path}.py") if os.path.isfile(file)), None)  # noqa: PTH113


def _read(file: Path) -> syntax.Reading:
    return _remembered(file, lambda: syntax.read(file.read_text(encoding="utf-8")))


def _remembered(what: Hashable, look_up: Callable[[], T]) -> T:
    """Return what is looked up, within `once` the first time only."""
    if _once is None:
        return look_up()
    if what not in _once:
        _once[what] = look_up()
    found: T = _once[what]
    return found


def ours(name: str, source: Path | None = None) -> bool:
    """Say whether an imported name belongs to a package or module in `source`."""
    first, source = name.partition(".")[0], source or SOURCE
    return _remembered(
        ("ours", first, source), lambda: module_file(first, source) is not None or (source / first).is_dir()
    )


def _absolute(name: str, module: str, source: Path | None) -> str:
    """Return the full name of what a module imports; a relative one begins with a dot for the module's package."""
    bare = name.lstrip(".")
    level = len(name) - len(bare)
    if not level:
        return name
    file = module_file(module, source)
    parts = module.split(".") if file is not None and file.name == "__init__.py" else module.split(".")[:-1]
    return ".".join(part for part in (*parts[: len(parts) - level + 1], bare) if part)


def _data(folder: Path) -> list[Path]:
    """Return the files of a package that are no Python, without those of packages in it."""
    found = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "__pycache__")):
            continue
        if entry.is_dir():
            found += [] if (entry / "__init__.py").is_file() else _data(entry)
        elif entry.suffix not in (".py", ".pyc", ".pyi"):
            found.append(entry)
    return found
