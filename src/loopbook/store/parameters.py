"""The values that a stage works with: default < scenario < profile < given."""

from collections.abc import Collection, Mapping
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

    def __init__(self, settings: BaseModel, sections: tuple[str, ...], stage: str, within: str = "") -> None:
        self._settings, self._sections, self._stage, self._within = settings, sections, stage, within

    def __getattr__(self, name: str) -> Any:
        full = self._within + (name if self._within else _NEEDED_BY.get(name, name))
        section = full.partition(".")[0]
        if section not in Scenario.model_fields or {full, section} & set(self._sections):
            return getattr(self._settings, name)
        if not any(declared.startswith(f"{full}.") for declared in self._sections):
            raise ScenarioError(
                f"{self._stage} uses the scenario's section {full!r} without declaring it; "
                "add it to 'sections' in the notebook's metadata."
            )
        return View(getattr(self._settings, name), self._sections, self._stage, f"{full}.")

    def __repr__(self) -> str:
        return ", ".join(section for section in self._sections if section.startswith(self._within))


def sections_of(declaration: Declaration) -> tuple[str, ...]:
    """Return the sections that a stage sees, or fields of them: its own, if there is one, and those it declares."""
    own = (declaration.section,) if declaration.study or declaration.section in Scenario.model_fields else ()
    return tuple(dict.fromkeys((*own, *declaration.sections)))


def inside(settings: Any, dotted: str) -> Any:
    """Return what stands under a dotted name in settings or in the values of a file; None if there is nothing."""
    for name in dotted.split("."):
        settings = settings.get(name) if isinstance(settings, Mapping) else getattr(settings, name, None)
    return settings


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
    declaration: Declaration,
    folder: Path,
    scenario: str,
    profile: str,
    given: Mapping[str, Any],
    candidate: str | None = None,
) -> tuple[ParameterRecord, ...]:
    """Return the values of a stage's parameters, and where each comes from.

    Parameters
    ----------
    given
        Values by dotted name.
    candidate
        Whose recipe holds instead of what the scenario says for all.
    """
    resolved = loading.load(scenario, folder, profile, given)
    file = loading.parse(loading.find(scenario, folder))
    section = inside(resolved, declaration.section)
    if not isinstance(section, BaseModel):
        return ()
    in_file = inside(file.values, declaration.section) or {}
    in_profile = inside(file.values, f"profiles.{profile}.{declaration.section}") or {}
    own = {name for name in declaration.flat if f"{declaration.section}.{name}" in given}
    origins: dict[Any, Collection[str]] = {"given": own, "profile": in_profile, "scenario": in_file}
    own_candidate = resolved.training.candidates[candidate] if candidate and declaration.section == "training" else None
    changed = own_candidate.recipe.model_dump(mode="json", exclude_none=True) if own_candidate else {}
    usual = own_candidate.usual if own_candidate else {}
    records, fields, values = [], type(section).model_fields, section.model_dump(mode="json")
    for name in declaration.flat:
        if name not in fields:
            raise ScenarioError(
                f"{declaration.path.name}: the parameters cell names {name!r}, which section {declaration.section!r} "
                f"does not know.{suggest(name, fields)}"
            )
        origin = next((origin for origin, names in origins.items() if name in names), "default")
        if name in changed:
            origin = "default" if usual.get(name) == changed[name] else "candidate"
        about, value = fields[name].description or "", changed.get(name, values[name])
        records.append(ParameterRecord(name=name, value=value, description=about, origin=origin))
    return tuple(records)
