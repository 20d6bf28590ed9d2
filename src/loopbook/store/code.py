"""The modules that a piece of code imports, directly or not, digested by what they do."""

import os
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from loopbook.scenario.errors import LoopbookError
from loopbook.store import syntax
from loopbook.store.content import digest_file

SOURCE = Path(__file__).resolve().parents[2]
"""The folder that holds the package, and the packages of users' own architectures."""

COMPOSING = "loopbook.scenario.contract"
"""The module that composes a scenario of its sections. Whoever imports it does not depend on them: the values of the
sections that a stage sees are in its key, and `keys.stage_parts` adds the code of those; a new default of another
section changes nothing there."""

SETTLED = 2.0
"""Seconds after which a file that was changed will not change again with the same time of change."""

T = TypeVar("T")
_once: ContextVar[dict[Hashable, Any] | None] = ContextVar("once", default=None)
_last: tuple[object, dict[Hashable, Any]] = None, {}


@contextmanager
def once() -> Iterator[None]:
    """Within, look up and read each module once: a pass over stages sees the sources as they were when it began.

    What the last pass has seen is taken over if no file in `SOURCE` has changed since.
    """
    global _last
    known = _once.get()
    if known is None:
        state, (last, kept) = _state(), _last
        known = kept if last == state else {}
        _last = state, known
    before = _once.set(known)
    try:
        yield
    finally:
        _once.reset(before)


def _state() -> object:
    """Return what changes when a file in `SOURCE` does: paths, times, sizes; equal to nothing while one is new."""
    try:
        files = {path: os.stat(path) for folder, names in _walk() for path in (f"{folder}/{name}" for name in names)}  # noqa: PTH116
    except FileNotFoundError:  # one has just gone, such as an editor's
        return object()
    if max((file.st_mtime for file in files.values()), default=0.0) > time.time() - SETTLED:
        return object()
    return {path: (file.st_ino, file.st_mtime_ns, file.st_size) for path, file in files.items()}


def _remembered(what: Hashable, look_up: Callable[[], T]) -> T:
    """Return what is looked up, within `once` the first time only."""
    known = _once.get()
    if known is None:
        return look_up()
    if what not in known:
        known[what] = look_up()
    return cast("T", known[what])


def imported(names: Iterable[str], module: str = "") -> set[str]:
    """Return those of the names that `module` imports which are modules in `SOURCE`, with their parent packages."""
    full = {full for name in names if ours(full := _absolute(name, module))}
    parents = {".".join(name.split(".")[:depth]) for name in full for depth in range(1, name.count(".") + 2)}
    return {name for name in parents if module_file(name) is not None}


@once()
def uses(modules: Iterable[str], libraries: Iterable[str]) -> bool:
    """Say whether `modules` use one of some libraries.

    Followed are the modules that a module imports as it is imported itself; what it imports inside a function only is
    meant for a case apart. A library counts wherever in those modules it is imported.
    """
    found = _reached(modules, at_once=True)
    return not {name.partition(".")[0] for reading in found.values() for name in reading.imports}.isdisjoint(libraries)


@once()
def readings(modules: Iterable[str]) -> dict[str, syntax.Reading]:
    """Return `modules` and all that they import from `SOURCE`, directly or not, by name.

    What `COMPOSING` imports is not followed from there.

    Raises
    ------
    LoopbookError
        If one of `modules` is not there, or one that they import is no Python.
    """
    return dict(sorted(_reached(modules, at_once=False).items()))


def _reached(modules: Iterable[str], *, at_once: bool) -> dict[str, syntax.Reading]:
    waiting, found = list(modules), {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name], followed = _remembered((name, at_once), partial(_module, name, at_once))
            waiting += followed
    return found


def _module(name: str, at_once: bool) -> tuple[syntax.Reading, set[str]]:
    """Return what a module does, and the modules in `SOURCE` that are followed from it."""
    file = module_file(name)
    if file is None:
        raise LoopbookError(f"There is no module {name} in {SOURCE.name}/, where code that enters keys must be.")
    try:
        reading = _remembered(file, lambda: syntax.read(file.read_text(encoding="utf-8")))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise LoopbookError(f"{SOURCE.name}/{file.relative_to(SOURCE)} cannot be read as Python: {error}") from error
    names = reading.at_once if at_once else (*reading.imports, name)
    return reading, set() if name == COMPOSING else imported(names, name)


def members(package: str) -> set[str]:
    """Return the names of the modules in a package, without those of packages in it."""
    file = module_file(package)
    return set() if file is None else {f"{package}.{path.stem}" for path in file.parent.glob("[!_]*.py")}


def resources(modules: Iterable[str]) -> dict[str, str]:
    """Return the digests of the files that lie in the packages among `modules` and are no Python, by their place."""
    files = [module_file(name) for name in modules]
    packages = [file.parent for file in files if file is not None and file.name == "__init__.py"]
    data = _remembered("data", _data)
    found = [path for folder in packages for path in data[str(folder)]]
    return {
        os.path.relpath(path, SOURCE): _remembered(("digest", path), partial(digest_file, Path(path)))
        for path in sorted(found)
    }


def module_file(name: str) -> Path | None:
    """Return the file of a module, or None if there is no such module (an imported name, for instance)."""
    return _remembered(name, lambda: _find(name))


def _find(name: str) -> Path | None:
    path = os.path.join(SOURCE, *name.split("."))  # noqa: PTH118 (asked thousands of times a run)
    return next((Path(file) for file in (f"{path}/__init__.py", f"{path}.py") if os.path.isfile(file)), None)  # noqa: PTH113


def ours(name: str) -> bool:
    """Say whether an imported name belongs to a package or module in `SOURCE`."""
    first = name.partition(".")[0]
    return _remembered(("ours", first), lambda: module_file(first) is not None or (SOURCE / first).is_dir())


def _absolute(name: str, module: str) -> str:
    """Return the full name of what a module imports; a relative one begins with a dot for the module's package."""
    bare = name.lstrip(".")
    level = len(name) - len(bare)
    if not level:
        return name
    file = module_file(module)
    parts = module.split(".") if file is not None and file.name == "__init__.py" else module.split(".")[:-1]
    return ".".join(part for part in (*parts[: len(parts) - level + 1], bare) if part)


def _data() -> Mapping[str, list[str]]:
    """Return the files in `SOURCE` that are no Python, by the folder of the package in which they lie."""
    found: dict[str, list[str]] = {"": []}
    package: dict[str, str] = {}
    for folder, files in _walk():
        package[folder] = folder if "__init__.py" in files else package.get(os.path.dirname(folder), "")  # noqa: PTH120
        found.setdefault(package[folder], []).extend(
            f"{folder}/{name}" for name in files if not name.endswith((".py", ".pyc", ".pyi"))
        )
    return found


def _walk() -> Iterator[tuple[str, list[str]]]:
    """Yield the folders in `SOURCE` with the names of their files, but those that Python or an editor made."""
    for folder, below, files in os.walk(SOURCE):
        below[:] = [name for name in below if not name.startswith((".", "__pycache__"))]
        yield folder, [name for name in files if name[0] != "."]
