"""Refitting: a method fitted anew on other rows, and judged on the same ones; what studies of a model rest on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pandas as pd

from loopbook.data.features import Features
from loopbook.models import predictions, seen_rows
from loopbook.models.model import Model
from loopbook.models.predictions import Floats
from loopbook.models.training import fit_store
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.task import Task
from loopbook.scenario.training import TrainingSettings
from loopbook.statistics import metrics, targets
from loopbook.store.stage import Stage


@dataclass(frozen=True, eq=False)
class Refitting:
    """The splits of a study, in canonical form. Validation ends the training and calibrates, whatever train is."""

    stage: Stage
    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame

    @property
    def task(self) -> Task:
        """The scenario's task."""
        return self.stage.scenario.task

    @property
    def resamples(self) -> int:
        """Draws behind each interval."""
        return int(self.stage.scenario.training.bootstrap)

    @property
    def judging(self) -> dict[str, Any]:
        """What intervals over test take: its groups, and how often they are drawn."""
        return {"groups": self.test["group"], "resamples": self.resamples}

    def judged(self, method: Method, train: pd.DataFrame, rows: pd.DataFrame | None = None) -> Floats:
        """Return what a method fitted on `train` says of rows (None: of test), as metrics judge it, float64 [n, …].

        Features are fitted on `train` as well. Every fit is kept in the store, so what was stopped goes on.
        """
        scenario, cache = self.stage.scenario, self.stage.project.work / "embeddings"
        data = TrainingData(train, self.validation, Features.fit(train, scenario), self.task)
        model = Model.load(fit_store.fit(self.stage, method, data).model)
        rows = self.test if rows is None else rows
        answer = seen_rows.answer(model, rows, cache, self.stage.progress)
        return answer.aligned(targets.classes(rows["label"], self.task)).judged

    def taught(self, train: pd.DataFrame) -> Self:
        """Return the same with another train."""
        return replace(self, train=train)


def plain(models: Mapping[str, Path], told: Mapping[str, pd.DataFrame], task: Task) -> list[Model]:
    """Return the plain candidate that is best on validation, alone; nothing without one.

    Parameters
    ----------
    models, told
        Of every candidate its model, and what it says of validation.
    """
    fitted = {name: Model.load(folder) for name, folder in models.items()}
    primary = metrics.primary(task.type).name
    scored = {
        name: metrics.score(primary, told[name]["label"], predictions.array(told[name]))
        for name, model in fitted.items()
        if model.family == "plain"
    }
    return [fitted[name] for name in sorted(scored, key=scored.__getitem__)[-1:]]


def methods(
    champion: Model,
    models: Mapping[str, Path],
    told: Mapping[str, pd.DataFrame],
    training: TrainingSettings,
    task: Task,
) -> dict[str, Method]:
    """Return how the champion and the best `plain` candidate were fitted, by architecture: one, if it is the same."""
    return {model.architecture: Method.of(model, training) for model in (champion, *plain(models, told, task))}
