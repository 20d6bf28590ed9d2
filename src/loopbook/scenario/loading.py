"""Read a scenario file and lay profile and given values over it."""

import json
import re
import shlex
import sys
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from loopbook.scenario.contract import PROFILES, Scenario
from loopbook.scenario.diagnostics import explain
from loopbook.scenario.errors import ScenarioError, suggest
from loopbook.scenario.reading import ScenarioFile, find, names, parse, plain

__all__ = ["ScenarioFile", "find", "given_text", "given_values", "load", "names", "parse", "stage_section"]


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
    resolved = _validate(file, file.values, {}, "")
    values = file.values
    for name, changes in resolved.profiles.items():
        changed = _merge(file.values, changes)
        checked = _validate(file, changed, {}, name)
        if name == profile:
            resolved, values = checked, changed
    if resolved.name != path.stem:
        raise ScenarioError(
            f"{file.shown}:{file.line(('name',))}: name is {resolved.name!r}, but the file is called {file.shown}; "
            f"write name: {path.stem}, or rename the file. Reports and data are kept under this name."
        )
    if not given:
        return resolved
    for dotted, value in given.items():
        values = _merge(values, _nest(dotted, value))
    return _validate(file, values, given, profile)


def given_values(text: str) -> dict[str, Any]:
    """Return the values in ``"training.epochs=3 data.rows=500"`` by dotted name.

    Raises
    ------
    ScenarioError
        If a word is not ``section.name=value``, or a name stands twice.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ScenarioError(f"PARAMS: a quotation mark is not closed in {text!r}.") from error
    values: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or "." not in name or not all(name.split(".")):
            raise ScenarioError(f"PARAMS: {word!r} is not of the form section.name=value, such as training.epochs=3.")
        if name in values:
            raise ScenarioError(f"PARAMS: {name} stands twice; keep one.")
        try:
            values[name] = plain(value)
        except yaml.YAMLError as error:
            raise ScenarioError(f"PARAMS: the value of {name} is not YAML: {value!r}.") from error
    return values


def given_text(values: Mapping[str, Any]) -> str:
    """Return what `given_values` reads as these values, with quotation marks only where they are needed."""
    return " ".join(f"{name}={_word(value)}" for name, value in values.items())


def stage_section(stage: str) -> str:
    """Return the section of the scenario that belongs to a stage: ``training`` for ``03_training``."""
    return stage.split("[")[0].partition("_")[2]


def _validate(file: ScenarioFile, values: dict[str, Any], given: Mapping[str, Any], profile: str) -> Scenario:
    try:
        return Scenario.model_validate(values)
    except ValidationError as error:
        raise ScenarioError(explain(error, file, values, given, profile)) from error


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid over it."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _nest(dotted: str, value: Any) -> dict[str, Any]:
    for part in reversed(dotted.split(".")):
        value = {part: value}
    return typing.cast("dict[str, Any]", value)


def _word(value: Any) -> str:
    """Return a value as YAML that is one word of a command line, such as ``[cnn,lstm]``."""
    dumped = yaml.safe_dump(value, default_flow_style=True, width=sys.maxsize).removesuffix("...\n").strip()
    forms = (dumped.replace(", ", ","), dumped, json.dumps(value, default=str))
    text = next((each for each in forms if "\n" not in each and repr(plain(each)) == repr(value)), forms[-1])
    return text if re.fullmatch(r"[^\s'\"\\]+", text) else shlex.quote(text)
