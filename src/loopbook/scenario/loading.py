"""Read a scenario file, lay profile and given values over it, and say exactly what is wrong with it."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from loopbook.scenario import source as sources
from loopbook.scenario.contract import PROFILES, Candidate, Scenario
from loopbook.scenario.errors import ScenarioError, suggest

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class ScenarioFile:
    """A parsed scenario file: plain values, and the line of every key."""

    path: Path
    shown: str
    values: dict[str, Any]
    lines: Mapping[Location, int] = field(repr=False)

    def line(self, location: Location) -> int:
        """Return the line of `location`, or that of the nearest thing around it."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)


def names(folder: Path) -> list[str]:
    """Return the names of the scenarios in `folder`."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def find(scenario: str, folder: Path) -> Path:
    """Return the file of a scenario given by name, or by the path of a YAML file.

    Raises
    ------
    ScenarioError
        If there is none; the message names the likely one.
    """
    path = Path(scenario) if scenario.endswith((".yaml", ".yml")) else folder / f"{scenario}.yaml"
    if not path.is_file():
        raise ScenarioError(f"There is no scenario {scenario!r} in {folder}.{suggest(scenario, names(folder))}")
    return path


def load(scenario: str, folder: Path, profile: str = "standard", given: Mapping[str, Any] | None = None) -> Scenario:
    """Return a scenario with a profile and given values laid over it.

    Precedence: the model's default < scenario < profile < `given`.

    Parameters
    ----------
    scenario
        Name of a file in `folder`, or path of a YAML file.
    folder
        The folder of scenarios.
    profile
        ``smoke``, ``standard`` or ``full``.
    given
        Values by dotted name, such as ``{"training.epochs": 3}``.

    Raises
    ------
    ScenarioError
        With one line for each thing that does not fit: file, line, value, and what was probably meant.
    """
    path = find(scenario, folder)
    if profile not in PROFILES:
        raise ScenarioError(f"There is no profile {profile!r}.{suggest(profile, PROFILES)}")
    file = parse(path)
    _validate(file, file.values, {})
    for name in file.values.get("profiles") or {}:
        _validate(file, _merge(file.values, file.values["profiles"][name] or {}), {}, name)
    chosen = (file.values.get("profiles") or {}).get(profile) or {}
    values = _merge(file.values, chosen)
    for dotted, value in (given or {}).items():
        values = _merge(values, _nest(dotted, value))
    return _validate(file, values, given or {}, profile)


def parse(path: Path) -> ScenarioFile:
    """Read a YAML file into plain values with the line of every key."""
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path.name}: not UTF-8 at byte {error.start}; save the file as UTF-8.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "not readable"
        raise ScenarioError(f"{path.name}:{line}: not YAML: {problem}. Look at indentation and quotes.") from error
    if not isinstance(values, dict) or root is None:
        raise ScenarioError(f"{path.name}:1: a scenario is a mapping of sections (name, task, source, training, …).")
    lines: dict[Location, int] = {}
    for location, line in _lines(root, ()):
        if location in lines and location and isinstance(location[-1], str):
            raise ScenarioError(
                f"{path.name}:{line}: {'.'.join(map(str, location))} stands twice (line {lines[location]}); keep one."
            )
        lines[location] = line
    return ScenarioFile(path, path.name, values, lines)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, for editors; a profile may repeat any section in part."""
    document = Scenario.model_json_schema()
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return document


def given_values(text: str) -> dict[str, Any]:
    """Return the values in ``"training.epochs=3 data.rows=500"`` by dotted name.

    Raises
    ------
    ScenarioError
        If a word is not ``section.name=value``.
    """
    import shlex

    values: dict[str, Any] = {}
    for word in shlex.split(text):
        name, sign, value = word.partition("=")
        if not sign or "." not in name or not all(name.split(".")):
            raise ScenarioError(f"PARAMS: {word!r} is not of the form section.name=value, such as training.epochs=3.")
        try:
            values[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ScenarioError(f"PARAMS: the value of {name} is not YAML: {value!r}.") from error
    return values


def stage_section(stage: str) -> str:
    """Return the section of the scenario that belongs to a stage: ``training`` for ``03_training``."""
    return stage.split("[")[0].partition("_")[2]


def _validate(file: ScenarioFile, values: dict[str, Any], given: Mapping[str, Any], profile: str = "") -> Scenario:
    try:
        return Scenario.model_validate(values)
    except ValidationError as error:
        problems = [_explain(file, dict(problem), values, given, profile) for problem in error.errors()]
        raise ScenarioError("\n".join(dict.fromkeys(problems))) from error


def _explain(
    file: ScenarioFile, problem: dict[str, Any], values: dict[str, Any], given: Mapping[str, Any], profile: str
) -> str:
    location: Location = tuple(part for part in problem["loc"] if part not in _KINDS)
    if location[-1:] == ("[key]",):
        location = location[:-1]
    dotted = ".".join(map(str, location)) or "scenario"
    in_profile = ("profiles", profile, *location)
    if any(dotted == name or dotted.startswith(f"{name}.") or name.startswith(f"{dotted}.") for name in given):
        where = f"PARAMS: {dotted}"
    elif profile and in_profile in file.lines:
        where = f"{file.shown}:{file.line(in_profile)}: profiles.{profile}.{dotted}"
    else:
        where = f"{file.shown}:{file.line(location)}: {dotted}"
    if problem["type"] == "extra_forbidden":
        known = _fields_at(location[:-1], values)
        return f"{where} is not known.{suggest(location[-1], known)}"
    if problem["type"] == "missing":
        return f"{where} is missing; add it."
    message = problem["msg"].removeprefix("Value error, ")
    shown = repr(problem["input"])
    if isinstance(problem["input"], (dict, list, BaseModel)):
        return f"{where}: {message}."
    hint = ""
    expected = (problem.get("ctx") or {}).get("expected") or (problem.get("ctx") or {}).get("expected_tags")
    if expected and isinstance(problem["input"], str):
        hint = suggest(problem["input"], [word.strip("' ") for word in str(expected).replace(" or ", ", ").split(", ")])
    elif isinstance(problem["input"], str):
        try:
            plain = yaml.safe_load(problem["input"])
        except yaml.YAMLError:
            plain = problem["input"]
        if not isinstance(plain, str):
            hint = f" Write {problem['input']} without quotation marks?"
    return f"{where} is {shown if len(shown) < 80 else shown[:77] + '…'}: {message}.{hint}"


def _fields_at(location: Location, values: dict[str, Any]) -> list[str]:
    """Return the names that the contract knows at `location`."""
    models: list[Any] = [Scenario]
    here: Any = values
    for part in location:
        here = (
            here.get(part)
            if isinstance(here, dict)
            else here[part]
            if isinstance(here, list) and isinstance(part, int)
            else None
        )
        following: list[Any] = []
        for model in models:
            if isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields:
                following += _models(model.model_fields[str(part)].annotation)
            elif isinstance(part, int) or not (isinstance(model, type) and issubclass(model, BaseModel)):
                following += _models(model)
            elif model is Candidate:
                following.append(model)
        if not following:
            following = [model for model in models if isinstance(model, type)]
        models = following
    if isinstance(here, dict) and "kind" in here:
        kinds = [model for model in models if _kind(model) == here["kind"]]
        models = kinds or models
    return sorted({name for model in models for name in getattr(model, "model_fields", {})})


def _models(annotation: Any) -> list[Any]:
    """Return the settings classes inside a type such as ``dict[str, Candidate]`` or a union of sources."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models(part)]


def _kind(model: Any) -> str | None:
    kind = getattr(model, "model_fields", {}).get("kind")
    return typing.get_args(kind.annotation)[0] if kind is not None else None


_KINDS = {_kind(model) for model in vars(sources).values() if _kind(model)}


def _lines(node: yaml.Node, location: Location) -> Iterator[tuple[Location, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*location, key.value)
            yield here, key.start_mark.line + 1
            yield from _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*location, index), value.start_mark.line + 1
            yield from _lines(value, (*location, index))


def _merge(base: dict[str, Any], over: Any) -> dict[str, Any]:
    """Return `base` with `over` laid over it."""
    if not isinstance(over, dict):
        raise ScenarioError(f"A profile is a mapping of sections, not {over!r}.")
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _nest(dotted: str, value: Any) -> dict[str, Any]:
    for part in reversed(dotted.split(".")):
        value = {part: value}
    return typing.cast("dict[str, Any]", value)


def write_schema(path: Path) -> None:
    """Write the JSON Schema to `path`."""
    path.write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


__all__ = ["ScenarioFile", "find", "given_values", "load", "names", "parse", "schema", "stage_section", "write_schema"]
