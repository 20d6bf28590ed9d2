"""Say what is wrong with a scenario in words: file, line, value, and what was probably meant."""

import types
import typing
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import suggest
from loopbook.scenario.reading import Location, ScenarioFile, plain

_TAGS = {"source": "kind", "task": "type"}
"""By section of which there are several kinds, the name under which a scenario says which one it is."""


def _members(annotation: Any, tag: str) -> dict[str, type[BaseModel]]:
    """Return the settings classes of a union by what they are called under `tag`."""
    kinds = [typing.get_args(kind)[0] if typing.get_args(kind) else kind for kind in typing.get_args(annotation)]
    return {typing.get_args(kind.model_fields[tag].annotation)[0]: kind for kind in kinds if tag in kind.model_fields}


_KINDS = {section: _members(Scenario.model_fields[section].annotation, tag) for section, tag in _TAGS.items()}
_WANTED = {
    "model_type": "a mapping (indented lines of 'name: value')",
    "model_attributes_type": "a mapping (indented lines of 'name: value')",
    "dict_type": "a mapping (indented lines of 'name: value')",
    "tuple_type": "a list, such as [first, second]",
    "string_type": "text",
}


def explain(
    error: ValidationError, file: ScenarioFile, values: Mapping[str, Any], given: Mapping[str, Any], profile: str
) -> str:
    """Return one line for each problem.

    Parameters
    ----------
    error
        What pydantic found in `values`.
    file
        The scenario's file; it was right before `profile` and `given` were laid over it.
    values
        File, profile and given values, merged.
    given
        Values by dotted name; where there are some, they are at fault.
    profile
        Name of the profile at fault; empty: the file itself is.
    """
    places: dict[Location, list[dict[str, Any]]] = {}
    for problem in error.errors():
        places.setdefault(_place(problem, values), []).append(dict(problem))
    return "\n".join(
        f"{_where(place, file, given, profile)}{_sentence(place, problems, values)}"
        for place, problems in places.items()
    )


def _place(problem: Mapping[str, Any], values: Any) -> Location:
    """Return where in `values` a problem is: pydantic's location without the names of union members and kinds."""
    parts = list(problem["loc"])
    section = str(parts[0]) if parts else ""
    if len(parts) > 1 and parts[1] in _KINDS.get(section, ()):
        del parts[1]
    if problem["type"].startswith("union_tag"):
        return (*parts, _TAGS[section])
    place: Location = ()
    for part in parts:
        inside = part in values if isinstance(values, Mapping) else isinstance(part, int) and isinstance(values, list)
        if not inside or (isinstance(part, int) and part >= len(values)):
            return (*place, part) if problem["type"] == "missing" else place
        values = values[part]
        place = (*place, part)
    return place


def _where(place: Location, file: ScenarioFile, given: Mapping[str, Any], profile: str) -> str:
    dotted = ".".join(map(str, place))
    if given:
        return f"PARAMS: {dotted or ' '.join(given)}"
    prefix: Location = ("profiles", profile) if profile else ()
    shown = ".".join(map(str, (*prefix, *place)))
    return f"{file.shown}:{file.line((*prefix, *place))}: {shown or 'scenario'}"


def _sentence(place: Location, problems: list[dict[str, Any]], values: Mapping[str, Any]) -> str:
    first = problems[0]
    if first["type"] == "extra_forbidden":
        return f" is not known.{_likely_name(place, values)}"
    if first["type"] in ("missing", "union_tag_not_found"):
        known = suggest("", _KINDS[str(place[0])]) if first["type"] != "missing" else ""
        return f" is missing; add it.{known}"
    if first["type"] == "value_error":
        message = first["msg"].removeprefix("Value error, ")
        return f": {message}" if message.endswith((".", "?")) else f": {message}."
    if first["type"] == "union_tag_invalid":
        tag, section = first["ctx"]["tag"], str(place[0])
        return f" is {tag!r}, which is no {_TAGS[section]} of {section}.{suggest(tag, _KINDS[section])}"
    shown = repr(first["input"])
    shown = shown if len(shown) < 80 else shown[:77] + "…"
    wanted = " or ".join(dict.fromkeys(map(_wanted, problems))).replace(" or should be ", " or ")
    return f" is {shown}, but {wanted}.{_likely_value(first)}"


def _wanted(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "string_pattern_mismatch":
        return f"should be of the form {problem['ctx']['pattern']}"
    message = str(problem["msg"])
    if not message.startswith("Input should be "):
        return f"{message[0].lower()}{message[1:]}"
    return f"should be {_WANTED.get(problem['type'], message.removeprefix('Input should be '))}"


def _likely_value(problem: Mapping[str, Any]) -> str:
    value = problem["input"]
    expected = (problem.get("ctx") or {}).get("expected")
    if expected and isinstance(value, str):
        return suggest(value, [word.strip("' ") for word in str(expected).replace(" or ", ", ").split(", ")])
    if problem["type"] == "string_type" and not isinstance(value, list | dict | None):
        return " Put it in quotation marks."
    if isinstance(value, str):
        try:
            read = plain(value)
        except (yaml.YAMLError, ValueError):
            return ""
        if not isinstance(read, str | None):
            return f" Write {value} without quotation marks?"
    return ""


def _likely_name(place: Location, values: Any) -> str:
    """Say which name was probably meant, or to which section a name belongs."""
    annotation: Any = Scenario
    for part in place[:-1]:
        annotation, values = _inside(annotation, part, values), values[part]
    model = _model(annotation, values)
    near = suggest(place[-1], model.model_fields if model else ())
    elsewhere = [
        section
        for section, field in Scenario.model_fields.items()
        if place[-1] in getattr(_model(field.annotation, {}), "model_fields", {})
    ]
    if elsewhere and not near.startswith(" Did you mean"):
        return f" It belongs to section {elsewhere[0]!r}."
    return near


def _inside(annotation: Any, part: str | int, values: Any) -> Any:
    """Return the type of what stands under `part` in `values`, which are of type `annotation`."""
    model = _model(annotation, values)
    if model is not None:
        field = model.model_fields.get(str(part))
        return field.annotation if field else None
    arguments = typing.get_args(annotation)
    return arguments[1] if typing.get_origin(annotation) is dict else arguments[0]


def _model(annotation: Any, values: Any) -> type[BaseModel] | None:
    """Return the settings class that `annotation` means; of several kinds, the one that `values` say."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        if (plain := [kind for kind in typing.get_args(annotation) if kind is not type(None)])[1:] == []:
            return _model(plain[0], values)
        told = values if isinstance(values, Mapping) else {}
        found = (_members(annotation, tag).get(told.get(tag, "binary")) for tag in _TAGS.values())
        return next((kind for kind in found if kind), None)
    return None
