"""Architectures: how a scenario's candidates name them, and whether a candidate can be built.

Importing this module is cheap and builds nothing; `check` runs before any kernel starts.
"""

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from loopbook.models.architectures.networks import bag, cnn, lstm, minilm, mlp
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import LoopbookError, ScenarioError, suggest
from loopbook.scenario.settings import Scalar
from loopbook.scenario.task import Task

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Words = Annotated[int, Field(ge=1, le=5)]
Strength = Annotated[float, Field(gt=0, le=1e6)]
Share = Annotated[float, Field(gt=0, le=1)]
Questions = Annotated[int, Field(ge=1, le=12)]

Family = Literal["network", "plain"]
Need = Literal["text", "table", "nothing"]


@dataclass(frozen=True)
class Architecture:
    """One architecture.

    Attributes
    ----------
    name
        How scenarios call it.
    family
        ``network``: trained by gradient descent; ``plain``: a baseline fitted in one go.
    needs
        The kind of input field without which it makes no sense.
    build
        Of a network: ``build(inputs, **settings)`` returns a Keras model; None for a plain baseline.
    settings
        Arguments that a candidate may set: the annotation of each, as a type with its range.
    required
        Those without a default.
    """

    name: str
    family: Family
    needs: Need
    build: Callable[..., Any] | None
    settings: Mapping[str, Any]
    required: frozenset[str] = frozenset()


def _settings(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.annotation for each in parameters if each.kind is each.KEYWORD_ONLY}


def _network(function: Callable[..., Any], needs: Need) -> Architecture:
    return Architecture(function.__name__, "network", needs, function, _settings(function))


ARCHITECTURES: Mapping[str, Architecture] = {
    each.name: each
    for each in (
        _network(lstm, "text"),
        _network(cnn, "text"),
        _network(bag, "text"),
        _network(mlp, "table"),
        _network(minilm, "text"),
        Architecture("majority", "plain", "nothing", None, {}),
        Architecture("word_list", "plain", "text", None, {"words": Count}),
        Architecture("tfidf", "plain", "text", None, {"C": Strength, "ngrams": Words, "min_rows": Count}),
        Architecture("table_logistic", "plain", "table", None, {"C": Strength}),
        Architecture(
            "boosted_trees",
            "plain",
            "table",
            None,
            {"trees": Count, "depth": Questions, "rate": Share, "sample": Share},
        ),
    )
}
"""Ours, by name."""


def find(name: str) -> Architecture:
    """Return an architecture: one of ours by name, or a user's function as ``package.module:build``.

    Raises
    ------
    ScenarioError
        If there is none; a user's module is imported by this.
    """
    if ":" not in name:
        if name not in ARCHITECTURES:
            raise ScenarioError(f"There is no architecture {name!r}.{suggest(name, ARCHITECTURES)}")
        return ARCHITECTURES[name]
    described = _described(name)
    module, _, function = name.partition(":")
    build = getattr(importlib.import_module(module), function)
    return Architecture(name, "network", "nothing", build, described.settings, described.required)


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
    has = {"text": bool(task.text_fields), "table": bool(task.table_fields), "nothing": True}
    if not has[architecture.needs]:
        instead = [each.name for each in ARCHITECTURES.values() if has[each.needs]]
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
    if name == "minilm":
        from loopbook.models.encoders.sentence_encoder import folder

        folder()


def described(name: str) -> Architecture:
    """Return an architecture as `find` does, but read a user's from its source, without importing it."""
    return _described(name) if ":" in name else find(name)


def _fits(name: str, setting: str, value: Scalar, kind: Any) -> None:
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].lower()
        raise ScenarioError(f"The setting {setting} = {value!r} of architecture {name!r}: {reason}.") from error


_SIMPLE: Mapping[str, Any] = {"int": int, "float": float, "str": str, "bool": bool}


def _described(name: str) -> Architecture:
    """Read a user's function from its module's source, so that a check is quick and runs none of it."""
    module, _, function = name.partition(":")
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None or found.origin is None:
        raise ScenarioError(
            f"The architecture {name!r}: there is no module {module!r}. Put it in the project's src folder."
        )
    try:
        tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ScenarioError(f"The architecture {name!r}: {module} cannot be read as Python: {error}.") from error
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if function not in functions:
        raise ScenarioError(
            f"The architecture {name!r}: {module} has no function {function!r}.{suggest(function, functions)}"
        )
    arguments = functions[function].args
    positional = [*arguments.posonlyargs, *arguments.args]
    if not positional:
        raise ScenarioError(f"The architecture {name!r}: {function} must take the inputs as its first argument.")
    free = len(arguments.defaults)
    named = positional[1:]
    required = {each.arg for each in named[: max(0, len(named) - free)]}
    required |= {
        each.arg for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    }
    settings = {each.arg: _annotation(each) for each in [*named, *arguments.kwonlyargs]}
    if arguments.kwarg:
        settings["**"] = Any
    return Architecture(name, "network", "nothing", None, settings, frozenset(required))


def _annotation(argument: ast.arg) -> Any:
    name = ast.unparse(argument.annotation) if argument.annotation else ""
    return _SIMPLE.get(name.strip("'\""), Any)


def network_builder(name: str) -> Callable[..., Any]:
    """Return the function that builds the named network.

    Raises
    ------
    LoopbookError
        If it is a plain baseline, which has none.
    """
    build = find(name).build
    if build is None:
        raise LoopbookError(f"The architecture {name!r} is a plain baseline, which has no network to build.")
    return build
