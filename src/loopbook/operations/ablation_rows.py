"""Rows of an ablation: the scenario's own without what judges later, and those of the scenarios that confirm."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from loopbook.data import cleaning, sources, splitting, validation
from loopbook.models.studies.outer_folds import Rows
from loopbook.runner.execution import Request
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.store.project import Project

MAIN = "main"
"""Name of the own rows, to screen on."""
LABELS = 300
"""Labels of each class that an encoder which is tuned learns from, and what it is compared with."""
FEW = f"{LABELS} labels a class"
UNOPENED = ("test", "gate")
"""Splits of which no row is used: they judge what is chosen here."""


def rows(scenario: Scenario, project: Project) -> pd.DataFrame:
    """Return a scenario's rows as 02 cleans and splits them, but for those of `UNOPENED`."""
    collected = sources.collect(scenario.source, project.root, project.raw)
    valid, _ = validation.validate(collected, scenario, datetime.now(UTC).date())
    masked, _ = cleaning.mask(validation.window(valid, scenario.data), scenario)
    kept, _ = cleaning.deduplicate(masked, scenario)
    splits = splitting.split(kept, scenario)
    return pd.concat([frame for name, frame in splits.items() if name not in UNOPENED], ignore_index=True)


def own(request: Request) -> Rows:
    """Return the scenario's rows as they are dealt to screen on."""
    scenario, settings = request.resolved, request.resolved.ablation
    return Rows.dealt(scenario, rows(scenario, request.project), settings.folds, range(settings.seeds))


def others(request: Request, own: pd.DataFrame) -> dict[str, Rows]:
    """Return what is confirmed on: the own rows with new seeds, and those of other scenarios, a fold a seed.

    Those with all labels are there a second time, with few, for encoders that are tuned.
    """
    scenario, settings = request.resolved, request.resolved.ablation
    seeds = range(settings.seeds, settings.seeds + settings.confirm_seeds)
    found = {scenario.name: Rows.dealt(scenario, own, settings.folds, seeds)}
    for name, labels in settings.confirm_on.items():
        other = loading.load(name, request.project.scenarios, request.profile)
        other = other.model_copy(update={"task": other.task.model_copy(update={"also": {}})})
        found[name] = Rows.dealt(other, rows(other, request.project), settings.folds, seeds, labels, first=True)
    few = {f"{name}, {FEW}": replace(each, labels=LABELS) for name, each in found.items() if not each.labels}
    return found | few
