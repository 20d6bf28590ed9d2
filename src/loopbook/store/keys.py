"""A stage's key: a hash of what can change its result, and of nothing else."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from loopbook.scenario.contract import Scenario
from loopbook.store import code, packages, syntax
from loopbook.store.content import digest_json
from loopbook.store.declaration import STUDIES, Declaration
from loopbook.store.parameters import sections_of
from loopbook.store.project import Project
from loopbook.store.records import StageRecord
from loopbook.store.syntax import Reading, Statement

PARTS = "key.json"
"""Where the parts of a stage's key are kept, beside its outputs."""

LENGTH = 20
"""Hexadecimal digits of a key: 80 bits; two of a billion keys are equal with a chance below one in a million."""

FOLDERS = {"loopbook.models.architectures.registry": "loopbook.models.architectures"}
"""Modules that find others by name, and the package where they find them: a stage that uses the first can use each of
these. A fit has its candidate's architecture alone."""

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

Parts = Mapping[str, Any]
"""What a key is made of, in full and as plain values, so that it can be kept and two of them compared.

``about``
    The stage, the candidate, and the names that the stage writes.
``cells``
    The statements of the notebook's code cells by their ids, in their order. Ids do not enter the key.
``given``
    Values that stand in the notebook's parameters cell itself.
``settings``
    The part of the scenario that the stage sees.
``inputs``
    Content digests of what it reads, gathers and carries, by name.
``modules``
    The statements of the modules that it imports, directly or not, by name.
``resources``
    Digests of the files that belong to these modules and are no Python.
``packages``
    Versions and files of the distributions that all this code uses.
"""


def key(parts: Parts) -> str:
    """Return the key that is made of some parts."""
    cells = [syntax.digest(statements) for statements in parts["cells"].values()]
    return _short({**parts, "cells": cells, "modules": _digests(parts["modules"])})


@code.once()
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
    return {
        "about": {"stage": declaration.stage, "candidate": candidate, "writes": sorted(declaration.writes)},
        "cells": _statements(declaration.code),
        "given": {name: declaration.cell[name] for name in declaration.flat if declaration.cell[name] is not None},
        "settings": seen,
        "inputs": dict(inputs),
        "modules": _statements(modules),
        "resources": code.resources(modules),
        "packages": _packages([*declaration.code.values(), *modules.values()], lock),
    }


def kept(project: Project, record: StageRecord) -> Parts | None:
    """Return what a stage's key was made of, a failed one's too; None if that is not in the store any more."""
    notebook = project.data / (record.notebook or "")
    file = notebook.with_suffix(f".{PARTS}") if record.state == "failed" else notebook.with_name(PARTS)
    return dict(json.loads(file.read_text(encoding="utf-8"))) if record.notebook and file.is_file() else None


@code.once()
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
            "modules": _digests(_statements(readings)),
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
    """Return the modules of a user's own functions, which training names as ``package.module:function``."""
    values, found = [seen.get("training", {})], set()
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += value.values()
        elif isinstance(value, list | tuple):
            values += value
        elif isinstance(value, str) and _FUNCTION.fullmatch(value):
            found.add(value.partition(":")[0])
    return found


def _section_modules(declaration: Declaration) -> set[str]:
    """Return the modules of the sections that a stage sees as a whole: a section brings properties of its own."""
    whole = {section.removeprefix(f"{STUDIES}.") for section in sections_of(declaration)}
    names = {f"loopbook.scenario.{section}" for section in whole if "." not in section}
    return {name for name in names if code.module_file(name) is not None}


def _packages(readings: Iterable[Reading], lock: Path) -> dict[str, str]:
    readings = list(readings)
    imports = {name for reading in readings for name in reading.imports}
    outside = {name for name in imports if not code.ours(name)}
    return packages.used(outside, {text for reading in readings for text in reading.texts}, lock)


def _statements(readings: Mapping[str, Reading]) -> dict[str, tuple[Statement, ...]]:
    return {name: reading.statements for name, reading in readings.items()}


def _digests(code: Mapping[str, tuple[Statement, ...]]) -> dict[str, str]:
    return {name: syntax.digest(statements) for name, statements in code.items()}


def _short(value: Any) -> str:
    return digest_json(value)[:LENGTH]
