"""The values that a stage works with: default < scenario < profile < given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import ScenarioError, suggest
from loopbook.store.declaration import Declaration
from loopbook.store.records import ParameterRecord

_NEEDED_BY = {"simulated": "source.kind", "criteria": "stories"}


class View:
    """The sections of a scenario that a stage has declared; reaching for another one is an error.

    Of a section that is declared by its fields (``training.bootstrap``) only these are there. What a stage can see is
    what its key is made of, so a change elsewhere in the scenario makes nothing stale, and one here cannot be missed.
    """

    def __init__(self, scenario: Scenario, sections: tuple[str, ...], stage: str) -> None:
        self._scenario, self._sections, self._stage = scenario, sections, stage

    def __getattr__(self, name: str) -> Any:
        needed = _NEEDED_BY.get(name, name)
        section = needed.partition(".")[0]
        if section not in Scenario.model_fields or {needed, section} & set(self._sections):
            return getattr(self._scenario, name)
        if needed == name and any(each.startswith(f"{name}.") for each in self._sections):
            return Part(getattr(self._scenario, name), name, self._sections, self._stage)
        raise _undeclared(self._stage, needed)

    def __repr__(self) -> str:
        return f"{self._scenario.name}: {', '.join(self._sections)}"


class Part:
    """The fields of a section that a stage has declared; reaching for another one is an error."""

    def __init__(self, section: BaseModel, name: str, sections: tuple[str, ...], stage: str) -> None:
        self._section, self._name, self._sections, self._stage = section, name, sections, stage

    def __getattr__(self, name: str) -> Any:
        full = f"{self._name}.{name}"
        if full not in self._sections:
            raise _undeclared(self._stage, full)
        return getattr(self._section, name)

    def __repr__(self) -> str:
        return ", ".join(each for each in self._sections if each.startswith(f"{self._name}."))


def _undeclared(stage: str, what: str) -> ScenarioError:
    return ScenarioError(
        f"{stage} uses the scenario's section {what!r} without declaring it; "
        "add it to 'sections' in the notebook's metadata."
    )


def sections_of(declaration: Declaration) -> tuple[str, ...]:
    """Return the sections that a stage sees, or fields of them: its own, if there is one, and those it declares."""
    own = (declaration.section,) if declaration.section in Scenario.model_fields else ()
    return tuple(dict.fromkeys((*own, *declaration.sections)))


def flat(settings: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """Return nested settings by dotted name."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= flat(value, f"{at}{name}.") if isinstance(value, dict) and value else {f"{at}{name}": value}
    return found


def is_seed(name: str) -> bool:
    """Say whether a dotted name is that of a seed: ``training.seed``, ``optimization.search_seed``."""
    return name.rpartition(".")[2].split("_")[-1] == "seed"


def own_values(declaration: Declaration, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are given, under dotted names; a flat name belongs to the stage's own section."""
    return {f"{declaration.section}.{name}": values[name] for name in declaration.flat if values.get(name) is not None}


def in_force(
    declaration: Declaration, folder: Path, scenario: str, profile: str, given: Mapping[str, Any]
) -> tuple[ParameterRecord, ...]:
    """Return the values of a stage's parameters, and where each comes from.

    Parameters
    ----------
    given
        Values by dotted name.
    """
    resolved = loading.load(scenario, folder, profile, given)
    file = loading.parse(loading.find(scenario, folder))
    section = getattr(resolved, declaration.section, None)
    if not isinstance(section, BaseModel):
        return ()
    in_file = file.values.get(declaration.section) or {}
    in_profile = ((file.values.get("profiles") or {}).get(profile) or {}).get(declaration.section) or {}
    records = []
    for name in declaration.flat:
        field = type(section).model_fields.get(name)
        if field is None:
            raise ScenarioError(
                f"{declaration.path.name}: the parameters cell names {name!r}, which section {declaration.section!r} "
                f"does not know.{suggest(name, type(section).model_fields)}"
            )
        if f"{declaration.section}.{name}" in given:
            origin = "given"
        elif name in in_profile:
            origin = "profile"
        elif name in in_file:
            origin = "scenario"
        else:
            origin = "default"
        value = section.model_dump(mode="json")[name]
        records.append(ParameterRecord(name=name, value=value, description=field.description or "", origin=origin))
    return tuple(records)
