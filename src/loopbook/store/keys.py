"""A stage's key: a hash of what can change its result, and of nothing else."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopbook.scenario.contract import Scenario
from loopbook.store import code, packages
from loopbook.store.content import digest_json
from loopbook.store.declaration import Declaration
from loopbook.store.parameters import sections_of
from loopbook.store.project import Project
from loopbook.store.records import StageRecord
from loopbook.store.syntax import Reading

PARTS = "key.json"
"""Where the parts of a stage's key are kept, beside its outputs."""

LENGTH = 20
"""Hexadecimal digits of a key: 80 bits; two of a billion keys are equal with a chance below one in a million."""

FOLDERS = {"loopbook.models.architectures.registry": "loopbook.models.architectures"}
"""Modules that find others by name, and the package where they find them: a stage that uses the first can use each of
these. A fit has its candidate's architecture alone."""


@dataclass(frozen=True)
class Parts:
    """What a key is made of, in full, so that two of them can be compared.

    Attributes
    ----------
    about
        The stage, the candidate, and the names that the stage writes.
    cells
        What the notebook's code cells do, by their ids, in their order. Ids do not enter the key.
    given
        Values that stand in the notebook's parameters cell itself.
    settings
        The part of the scenario that the stage sees.
    inputs
        Content digests of what it reads, gathers and carries, by name.
    modules
        What the modules do that it imports, directly or not, by name.
    resources
        Digests of the files that belong to these modules and are no Python.
    packages
        Versions and files of the distributions that all this code uses.
    """

    about: Mapping[str, Any]
    cells: Mapping[str, Reading]
    given: Mapping[str, Any]
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    modules: Mapping[str, Reading]
    resources: Mapping[str, str]
    packages: Mapping[str, str]

    @property
    def key(self) -> str:
        return _short(
            {
                **self.about,
                "cells": [reading.digest for reading in self.cells.values()],
                "given": self.given,
                "settings": self.settings,
                "inputs": self.inputs,
                "modules": _digests(self.modules),
                "resources": self.resources,
                "packages": self.packages,
            }
        )

    def plain(self) -> dict[str, Any]:
        """Return the parts as plain values, to be kept beside a stage's outputs."""
        return {
            "about": dict(self.about),
            "cells": {name: reading.statements for name, reading in self.cells.items()},
            "given": dict(self.given),
            "settings": dict(self.settings),
            "inputs": dict(self.inputs),
            "modules": {name: reading.statements for name, reading in self.modules.items()},
            "resources": dict(self.resources),
            "packages": dict(self.packages),
        }


def stage_parts(
    declaration: Declaration, scenario: Scenario, candidate: str | None, inputs: Mapping[str, str], lock: Path
) -> Parts:
    """Return what the key of a stage is made of.

    Parameters
    ----------
    inputs
        Content digests of what the stage reads, gathers and carries, by name.
    lock
        The lock file, which pins the versions of all libraries.
    """
    seen = settings(declaration, scenario, candidate)
    modules = code.readings(declaration.modules | _users_modules(seen) | _section_modules(declaration))
    found = {name for registry, package in FOLDERS.items() if registry in modules for name in code.members(package)}
    modules = code.readings({*modules, *found})
    return Parts(
        about={"stage": declaration.stage, "candidate": candidate, "writes": sorted(declaration.writes)},
        cells=declaration.code,
        given={name: declaration.cell[name] for name in declaration.flat if declaration.cell[name] is not None},
        settings=seen,
        inputs=dict(inputs),
        modules=modules,
        resources=code.resources(modules),
        packages=_packages([*declaration.code.values(), *modules.values()], lock),
    )


def kept(project: Project, record: StageRecord) -> Mapping[str, Any] | None:
    """Return what a stage's key was made of, a failed one's too; None if that is not in the store any more."""
    notebook = project.data / (record.notebook or "")
    file = notebook.with_suffix(f".{PARTS}") if record.state == "failed" else notebook.with_name(PARTS)
    return dict(json.loads(file.read_text(encoding="utf-8"))) if record.notebook and file.is_file() else None


def cache_key(parts: Mapping[str, Any], modules: Iterable[str], lock: Path) -> str:
    """Return the key of a piece of work inside a stage, such as fitting one model.

    Parameters
    ----------
    parts
        Plain values and content digests that the result depends on.
    modules
        The modules that do the work; what they import counts too.
    """
    readings = code.readings(modules)
    return _short(
        {
            "parts": dict(parts),
            "modules": _digests(readings),
            "resources": code.resources(readings),
            "packages": _packages(readings.values(), lock),
        }
    )


def settings(declaration: Declaration, scenario: Scenario, candidate: str | None) -> dict[str, Any]:
    """Return the part of a scenario that enters a stage's key: what it sees, and of candidates its own."""
    sections = sections_of(declaration)
    values = scenario.model_dump(mode="json", include={section.partition(".")[0] for section in sections})
    for name in values.keys() - set(sections):
        values[name] = {field: value for field, value in values[name].items() if f"{name}.{field}" in sections}
    if candidate is not None:
        training = values["training"]
        training["candidates"] = {candidate: training["candidates"][candidate]}
        training.pop("only")
    return values


def _users_modules(seen: Mapping[str, Any]) -> set[str]:
    """Return the modules of a user's own architectures, named as ``package.module:build``."""
    named = [candidate["architecture"] for candidate in seen.get("training", {}).get("candidates", {}).values()]
    return {name.partition(":")[0] for name in named if ":" in name}


def _section_modules(declaration: Declaration) -> set[str]:
    """Return the modules of the sections that a stage sees as a whole: a section brings properties of its own."""
    names = {f"loopbook.scenario.{section}" for section in sections_of(declaration) if "." not in section}
    return {name for name in names if code.module_file(name) is not None}


def _packages(readings: Iterable[Reading], lock: Path) -> dict[str, str]:
    readings = list(readings)
    imports = {name for reading in readings for name in reading.imports}
    outside = {name for name in imports if not code.ours(name)}
    return packages.used(outside, {text for reading in readings for text in reading.texts}, lock)


def _digests(readings: Mapping[str, Reading]) -> dict[str, str]:
    return {name: reading.digest for name, reading in readings.items()}


def _short(value: Any) -> str:
    return digest_json(value)[:LENGTH]
