"""Digest code by what it does: syntax trees without comments, docstrings and blank lines, with all that they import."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

from loopbook.scenario.errors import LoopbookError
from loopbook.store.content import digest_text

SOURCE = Path(__file__).resolve().parents[2]
"""The folder that holds the package."""


def digest_source(text: str) -> str:
    """Return the digest of a piece of Python code; lines that begin with ``%`` or ``!`` count as they stand."""
    magic = [line for line in text.splitlines() if line.lstrip().startswith(("%", "!"))]
    plain = "\n".join(line for line in text.splitlines() if line not in magic)
    return digest_text("\n".join([_dump(ast.parse(plain)), *magic]))


def imported(text: str, package: str = "loopbook", source: Path = SOURCE) -> set[str]:
    """Return the modules of `package` that a piece of code imports, in functions too, with their parent packages."""
    return _modules(names(text), package, source)


@functools.lru_cache(maxsize=512)
def names(text: str, *, at_once: bool = False) -> frozenset[str]:
    """Return the full names that a piece of code imports; with `at_once` only what it imports when it is run itself."""
    tree = ast.parse("\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("%", "!"))))
    found: set[str] = set()
    for node in _run_at_once(tree) if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def uses(modules: Iterable[str], libraries: Iterable[str], source: Path = SOURCE) -> bool:
    """Say whether `modules` use one of some libraries.

    Followed are the modules of the package that a module imports as it is imported itself; what it imports inside a
    function only is meant for a case apart. A library counts wherever in those modules it is imported.
    """
    waiting, seen, wanted = list(modules), set(), set(libraries)
    while waiting:
        name = waiting.pop()
        file = module_file(name, source)
        if name in seen or file is None:
            continue
        seen.add(name)
        text = file.read_text(encoding="utf-8")
        mentioned = any(library in text for library in wanted)
        if mentioned and wanted & {each.partition(".")[0] for each in names(text)}:
            return True
        waiting += _modules(names(text, at_once=True), name.partition(".")[0], source)
    return False


def _run_at_once(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements that are executed with the module: none in functions, none for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.expr):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _run_at_once(node)


def _modules(found: Iterable[str], package: str, source: Path) -> set[str]:
    """Return those of some imported names that are modules of a package, with their parent packages."""
    parts = {name for name in found if name.split(".")[0] == package}
    parents = {".".join(name.split(".")[:depth]) for name in parts for depth in range(1, name.count(".") + 1)}
    return {name for name in parts | parents if module_file(name, source) is not None}


def closure(modules: Iterable[str], source: Path = SOURCE) -> dict[str, str]:
    """Return the digests, by name, of `modules` and of all modules of the package that they import, directly or not."""
    waiting, digests = list(modules), {}
    while waiting:
        name = waiting.pop()
        if name in digests:
            continue
        file = module_file(name, source)
        if file is None:
            raise LoopbookError(f"There is no module {name} in {source.name}/, where code that enters keys must be.")
        text = file.read_text(encoding="utf-8")
        digests[name] = digest_source(text)
        waiting += imported(text, name.split(".")[0], source)
    return dict(sorted(digests.items()))


def module_file(name: str, source: Path = SOURCE) -> Path | None:
    """Return the file of a module, or None if there is no such module (an imported name, for instance)."""
    path = source.joinpath(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _dump(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not body:
            continue
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            node.body = body[1:] or [ast.Pass()]
    return ast.dump(tree)
