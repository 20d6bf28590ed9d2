"""Architectures: how a scenario's candidates name them, and whether a candidate can be built.

Importing this module is cheap and builds nothing; `check` runs before any kernel starts.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from loopbook.models.architecture import Architecture
from loopbook.models.network import Network
from loopbook.scenario.errors import ScenarioError, refuse, suggest
from loopbook.scenario.settings import Scalar
from loopbook.scenario.task import Task
from loopbook.store import syntax

if TYPE_CHECKING:
    from loopbook.scenario.candidate import Candidate

_OURS = __name__.rpartition(".")[0]


def names() -> list[str]:
    """Return the names of our architectures: those of the modules beside this one."""
    beside = Path(__file__).parent.glob("[!_]*.py")
    return sorted(file.stem for file in beside if file.stem != Path(__file__).stem)


def module_of(name: str) -> str:
    """Return the full name of the module that holds an architecture, ours or a user's."""
    return name.partition(":")[0] if ":" in name else f"{_OURS}.{name}"


def find(name: str) -> Architecture:
    """Return an architecture: one of ours by name, or a user's function as ``package.module:build``.

    Raises
    ------
    ScenarioError
        If there is none; its module is imported by this.
    """
    if ":" in name:
        theirs = described(name)
        importlib.import_module(module_of(name))
        return theirs
    if name not in names():
        raise ScenarioError(f"There is no architecture {name!r}.{suggest(name, names())}")
    found = getattr(importlib.import_module(module_of(name)), name, None)
    if not isinstance(found, Architecture):
        raise ScenarioError(
            f"{module_of(name)} holds no architecture of its own name: write a function {name}, and above it "
            '@architecture(Network, needs="text"), as in the modules beside it.'
        )
    return found


def check(candidate: Candidate, task: Task) -> None:
    """Check that a candidate can be built, without TensorFlow and without importing a user's module.

    Raises
    ------
    ScenarioError
        If the architecture does not exist, does not suit the task's fields, lacks a setting or has one that it does
        not know, or whose type or range is wrong; the message says what was probably meant.
    """
    name = candidate.architecture
    architecture = described(name)
    served = [other for other in names() if _serves(find(other), task)]
    if not _serves(architecture, task):
        what = "further outputs" if task.type in architecture.types else f"a task of type {task.type}"
        raise ScenarioError(f"The architecture {name!r} cannot learn {what}. These can: {', '.join(served)}.")
    has = {"text": bool(task.text_fields), "table": bool(task.table_fields), "nothing": True}
    if not has[architecture.needs]:
        instead = [other for other in served if has[find(other).needs]]
        raise ScenarioError(
            f"The architecture {name!r} needs a {architecture.needs} field, and task.fields has none. "
            f"These would suit: {', '.join(instead)}."
        )
    known = architecture.settings
    for setting, value in candidate.settings.items():
        if setting not in known and "**" not in known:
            if not known:
                raise ScenarioError(f"The architecture {name!r} has no settings; it was given {setting!r}.")
            raise ScenarioError(f"The architecture {name!r} has no setting {setting!r}.{suggest(setting, known)}")
        _fits(name, setting, value, known.get(setting, Any))
    missing = sorted(architecture.required - set(candidate.settings))
    if missing:
        raise ScenarioError(f"The architecture {name!r} needs the settings {', '.join(missing)}.")
    architecture.ready(candidate.settings)
    _check_members(candidate, architecture, task)


def _check_members(candidate: Candidate, whole: Architecture, task: Task) -> None:
    """Check the members of an ensemble, and that nothing else has any."""
    members, by = candidate.members, "class_weights"
    refuse(
        ScenarioError,
        (whole.family == "ensemble" and not members, f"The {whole.name} has no members: name candidates."),
        (whole.family != "ensemble" and members, f"The architecture {whole.name!r} has members; an ensemble may."),
    )
    for member in members:
        part = described(member.architecture)
        refuse(
            ScenarioError,
            (part.family == "ensemble", f"The {whole.name} has an ensemble among its members; name those members."),
            (part.described, f"The {whole.name} has a member {part.name!r}, which scores classes that others do not."),
            (
                getattr(member.recipe, by) not in (None, getattr(candidate.recipe, by)),
                f"The {whole.name} and its member {part.name!r} differ in {by}: set it for all of them.",
            ),
        )
        check(member, task)


def _serves(architecture: Architecture, task: Task) -> bool:
    unlearned = task.type == "anomaly" and not architecture.types  # whoever names no types learns a label
    return not unlearned and task.type in (architecture.types or (task.type,)) and (architecture.also or not task.also)


def _fits(name: str, setting: str, value: Scalar, kind: Any) -> None:
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].lower()
        raise ScenarioError(f"The setting {setting} = {value!r} of architecture {name!r}: {reason}.") from error


_SIMPLE: Mapping[str, Any] = {"int": int, "float": float, "str": str, "bool": bool}


def described(name: str) -> Architecture:
    """Return an architecture as `find` does, but read a user's from its source, so that none of it is run."""
    if ":" not in name:
        return find(name)
    arguments = function(name, "architecture", "the inputs").args
    positional = [*arguments.posonlyargs, *arguments.args]
    named, keywords = positional[1:], arguments.kwonlyargs
    required = {argument.arg for argument in named[: max(0, len(named) - len(arguments.defaults))]}
    required |= {argument.arg for argument, default in zip(keywords, arguments.kw_defaults, strict=True) if not default}
    settings = {argument.arg: _annotation(argument) for argument in [*named, *keywords]}
    if arguments.kwarg:
        settings["**"] = Any

    def make(*given: Any, **chosen: Any) -> Any:
        module, _, called = name.partition(":")
        return getattr(importlib.import_module(module), called)(*given, **chosen)

    return Architecture(name, Network, "nothing", make, settings, frozenset(required))


def function(name: str, what: str, given: str) -> ast.FunctionDef:
    """Return a user's function, named as ``package.module:function``, as its source has it; none of it is run.

    Parameters
    ----------
    what, given
        What it is, and what it takes as its first argument, in words.

    Raises
    ------
    ScenarioError
        If there is none, or it takes no argument.
    """
    module, _, called = name.partition(":")
    tree = _source(f"The {what} {name!r}", module)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if called not in functions:
        raise ScenarioError(f"The {what} {name!r}: {module} has no function {called!r}.{suggest(called, functions)}")
    if not (functions[called].args.posonlyargs or functions[called].args.args):
        raise ScenarioError(f"The {what} {name!r}: {called} must take {given} as its first argument.")
    return functions[called]


def _source(named: str, module: str) -> ast.Module:
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None or found.origin is None:
        raise ScenarioError(f"{named}: there is no module {module!r}. Put it in the project's src folder.")
    try:
        return syntax.parse(Path(found.origin).read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{named}: {module} cannot be read as Python: {error}.") from error


def _annotation(argument: ast.arg) -> Any:
    name = ast.unparse(argument.annotation) if argument.annotation else ""
    return _SIMPLE.get(name.strip("'\""), Any)
