"""Preflight check: everything that can be known to be wrong before a kernel starts, in under a second."""

from loopbook.data import sources
from loopbook.models.architectures import registry
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import ScenarioError
from loopbook.store.declaration import declarations
from loopbook.store.project import Project


def check(project: Project, scenario: Scenario) -> None:
    """Check that a scenario fits its data, its files and the architectures that it names.

    Raises
    ------
    ScenarioError
        If a candidate, a rule or a file does not fit.
    DataError
        If the source is not there or lacks a column.
    """
    for candidate in scenario.training.chosen.values():
        registry.check(candidate, scenario.task)
        if name := scenario.training.changed(candidate.recipe).back_translation:
            registry.function(name, "back_translation", "a list of texts")
    if scenario.studies.small_models is not None and (student := scenario.studies.small_models.student):
        registry.check(Candidate(architecture=student), scenario.task)
    for section, path in scenario.files:
        if not (project.root / path).exists():
            raise ScenarioError(f"{scenario.name}: section {section} names the file {path}, which is not there.")
    sources.check(scenario, project.root)
    declarations(project.notebooks, scenario.studies.named)

    # These import pandas, so they come last.
    from loopbook.decisions.building import Plan
    from loopbook.requirements import surveys
    from loopbook.requirements.prototype import Prototype

    if scenario.requirements.survey is not None:
        surveys.read(project.root / scenario.requirements.survey)
    if (study := scenario.studies.behaviour) is not None:
        from loopbook.models.studies import behaviour, transfer

        behaviour.read(project.root / study.tests, scenario.task)
        if study.elsewhere:
            sources.check(transfer.other(scenario, study.elsewhere), project.root)
    Prototype.of(scenario.requirements, scenario.task)
    Plan.of(scenario.task, scenario.decisions)
