"""Everything that can be known to be wrong before a kernel starts, checked in under a second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loopbook.data import sources
from loopbook.models import architectures
from loopbook.requirements import surveys
from loopbook.requirements.prototype import Prototype
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import ScenarioError
from loopbook.store.declaration import declarations
from loopbook.store.project import Project


def check(project: Project, name: str, profile: str, given: Mapping[str, Any]) -> Scenario:
    """Return a scenario that fits its contract, its data and the architectures it names.

    Raises
    ------
    ScenarioError
        If a value, a given parameter or a candidate does not fit.
    DataError
        If the source is not there or lacks a column.
    """
    scenario = loading.load(name, project.scenarios, profile, given)
    for candidate in scenario.training.chosen.values():
        architectures.check(candidate, scenario.task)
    for section, path in scenario.files.items():
        if not (project.root / path).is_file():
            raise ScenarioError(f"{scenario.name}: section {section} names the file {path}, which is not there.")
    if scenario.requirements.survey is not None:
        surveys.read(project.root / scenario.requirements.survey)
    Prototype.of(scenario.requirements, scenario.task)
    sources.check(scenario, project.root)
    declarations(project.notebooks)
    return scenario
