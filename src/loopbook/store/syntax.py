"""Read a piece of Python code for what it does: its statements without comments, docstrings and layout, its imports.

What was read is remembered by the content of the text, in a process and, within `remembered`, between processes.
"""

import ast
import functools
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from loopbook.store.content import digest_file, digest_text, write_atomically

MOST = 4_000
"""Texts that are remembered between processes; beyond, only those that the last process needed stay."""


class Statement(NamedTuple):
    """A statement at the top of a module or cell: its name if it defines something, its lines, its digest."""

    name: str
    first: int
    last: int
    digest: str


class Reading(NamedTuple):
    """What a piece of code does.

    Attributes
    ----------
    imports
        Full names of all that is imported, in functions too; relative ones begin with their dots. Imports for type
        checkers only, which are never executed, are not among them.
    at_once
        Those that are imported when the code itself is run.
    texts
        In code that looks for distributions by name (``importlib.metadata``), the texts that may name one.
    statements
        The statements at the top.
    """

    imports: tuple[str, ...]
    at_once: tuple[str, ...]
    texts: tuple[str, ...]
    statements: tuple[Statement, ...]


_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.expr)
"""Where nothing is imported when a module itself is."""

_known: dict[str, list[Any]] = {}
_used: set[str] = set()
_turn = threading.Lock()


def parse(text: str) -> ast.Module:
    """Return the syntax tree of a piece of Python, one thread at a time.

    CPython 3.11 counts the depth of a tree for all threads together and raises a SystemError where two parse at once
    (https://github.com/python/cpython/issues/106905).

    Raises
    ------
    SyntaxError
        If it is no Python.
    """
    with _turn:
        return ast.parse(text)


def read(text: str, *, cell: bool = False) -> Reading:
    """Read a module, or a notebook's cell: there a line that is no Python (``%magic``, ``!command``) may stand.

    Raises
    ------
    SyntaxError
        If it is no Python.
    """
    key = f"{'cell' if cell else 'module'} {digest_text(text)}"
    _used.add(key)
    if key not in _known:
        _known[key] = list(_read_cell(text) if cell else _read(parse(text), cell=False))
    imports, at_once, texts, statements = _known[key]
    return Reading(tuple(imports), tuple(at_once), tuple(texts), tuple(Statement(*row) for row in statements))


@contextmanager
def remembered(folder: Path) -> Iterator[None]:
    """Take over what other processes have read, and leave what this one reads.

    The file is replaced in one step: of two processes that end at once, one has to read some texts again.
    """
    file = folder / f"{_version()}.json"
    with suppress(OSError, ValueError):  # not there, or not whole: then the texts are read again
        _known.update(json.loads(file.read_text(encoding="utf-8")))
    before = set(_known)
    try:
        yield
    finally:
        if not _known.keys() <= before or not file.exists():
            kept = _known if len(_known) <= MOST else {key: _known[key] for key in _used}
            write_atomically(file, lambda path: path.write_text(json.dumps(kept), encoding="utf-8"))


@functools.cache
def _version() -> str:
    """Return what a reading depends on besides the text: this module, and Python's grammar."""
    return f"{sys.implementation.cache_tag}-{digest_file(Path(__file__))[:12]}"


def _read_cell(text: str) -> Reading:
    try:
        return _read(parse(text), cell=True)
    except SyntaxError:
        lines = text.split("\n")
        magic = [number for number, line in enumerate(lines) if line.lstrip().startswith(("%", "!"))]
        if not magic:
            raise
    plain = _read(parse("\n".join("" if number in magic else line for number, line in enumerate(lines))), cell=True)
    extra = [Statement("", number + 1, number + 1, _digest(lines[number])) for number in magic]
    statements = tuple(sorted((*plain.statements, *extra), key=lambda statement: statement.first))
    return plain._replace(statements=statements)


def _read(tree: ast.Module, *, cell: bool) -> Reading:
    nodes = list(_executed(tree))
    imports = _imported(nodes)
    if all("__doc__" not in (getattr(node, "id", ""), getattr(node, "attr", "")) for node in nodes):
        _strip(tree, cell)  # who reads docstrings is changed by them
    by_name = any(name.startswith("importlib.metadata") for name in imports)
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    statements = tuple(
        Statement(_name(node), _first(node), node.end_lineno or node.lineno, _digest(ast.dump(node)))
        for node in tree.body
    )
    return Reading(
        tuple(sorted(imports)),
        tuple(sorted(_imported(_executed(tree, _LATER)))),
        tuple(sorted(text for text in texts if len(text) < 80)) if by_name else (),
        statements,
    )


def _imported(nodes: Iterator[ast.AST] | list[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            dot = "." if node.module else ""
            found |= {base, *(f"{base}{dot}{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def _executed(tree: ast.AST, passed_over: tuple[type[ast.AST], ...] = ()) -> Iterator[ast.AST]:
    """Yield all nodes but those for type checkers only, and those of some types with all that is in them."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        inside = node.orelse if _for_checkers(node) else ast.iter_child_nodes(node)  # type: ignore[attr-defined]
        waiting += [child for child in inside if not isinstance(child, passed_over)]


def _for_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _strip(tree: ast.Module, cell: bool) -> None:
    """Take out docstrings, those of attributes too; in a cell, a text at the top is shown and so it stays."""
    for node in ast.walk(tree):
        whole = isinstance(node, ast.Module)
        if not (whole or isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)) or (whole and cell):
            continue
        left = [part for part in node.body if not _is_text(part)]  # type: ignore[attr-defined]
        node.body = left if left or whole else [ast.Pass()]  # type: ignore[attr-defined]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _name(node: ast.stmt) -> str:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
        case ast.Assign(targets=[target, *_]) | ast.AnnAssign(target=target):
            return ast.unparse(target)
        case ast.ImportFrom(module=module, level=level):
            return f"from {'.' * level}{module or ''}"
        case ast.Import(names=[first, *_]):
            return f"import {first.name}"
    return ""


def _first(node: ast.stmt) -> int:
    """Return the line where a statement begins, its decorators included."""
    return int(min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))]))


def _digest(text: str) -> str:
    return digest_text(text)[:20]


def digest(statements: tuple[Statement, ...]) -> str:
    """Return the digest of what a piece of code does: of its statements, in their order."""
    return _digest("\n".join(statement.digest for statement in statements))
