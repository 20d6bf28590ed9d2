"""Domain transfer: what a model is worth on rows of another source, of which it has learned nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from loopbook.data import catalog, sources, validation
from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.models import seen_rows
from loopbook.models.seen_rows import Learner
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import ScenarioError
from loopbook.statistics import evaluation, metrics, targets
from loopbook.store.stage import Stage

HERE = "test"
_ENDS = {"": "value", "_low": "low", "_high": "high"}


def other(scenario: Scenario, dataset: str) -> Scenario:
    """Return a scenario whose rows come from another data set of the catalog, each a group of its own.

    Raises
    ------
    ScenarioError
        If the scenario's own rows do not come from the catalog: nobody knows whether the columns mean the same.
    DataError
        If the catalog does not have it, or it lacks a column.
    """
    if scenario.source.kind != "catalog":
        raise ScenarioError(
            f"studies.behaviour.elsewhere is {dataset!r}, a data set of the catalog, but the source is of the kind "
            f"{scenario.source.kind!r}; leave it out."
        )
    catalog.find(dataset)
    return scenario.model_copy(
        update={"source": scenario.source.model_copy(update={"dataset": dataset, "group": None})}
    )


def rows(stage: Stage, dataset: str, most: int) -> pd.DataFrame:
    """Return at most so many valid rows of another data set, drawn at random, in canonical form."""
    scenario = other(stage.scenario, dataset)
    collected = sources.collect(scenario.source, stage.project.root, stage.project.raw, stage.progress)
    valid, _ = validation.validate(collected, scenario, datetime.now(UTC).date())
    return valid.sample(min(most, len(valid)), random_state=0).reset_index(drop=True)


@dataclass(frozen=True)
class Transfer:
    """What a model is worth here and elsewhere.

    Attributes
    ----------
    table
        By place, ``test`` first: `rows`, and of each reported metric its value, ``_low`` and ``_high``.
    metric
        The first of them.
    """

    table: pd.DataFrame
    metric: metrics.Metric

    def figure(self) -> Figure:
        """Draw the first metric by place."""
        name = self.metric.name
        here, there = self.table[name].iloc[[0, -1]]
        return plots.intervals(
            self.table[[name, f"{name}_low", f"{name}_high"]].set_axis(["value", "low", "high"], axis=1),
            title=f"{self.metric.title}: {here:.3f} on test, {there:.3f} on {self.table.index[-1]}",
            x=f"{self.metric.title}, 95% interval",
            alt=f"{self.metric.title} of the champion on test and on rows of another source, with intervals.",
        )

    def figures(self) -> dict[str, float]:
        """Return what is reached elsewhere as flat numbers to record; of test alone nothing."""
        found = self.table.iloc[1:].drop(columns="rows").to_dict("records")
        return {f"elsewhere_{name}": value for row in found for name, value in row.items()}


def judged(stage: Stage, model: Learner, test: pd.DataFrame, dataset: str, most: int) -> Transfer:
    """Judge a model on test and, if a data set is named, on at most so many of its rows.

    Raises
    ------
    DataError
        If the model has learned from a row of it.
    """
    task, resamples = stage.scenario.task, stage.scenario.training.bootstrap
    names, found = metrics.reported(task.type)[:2], {}
    for place, part in {HERE: test, **({dataset: rows(stage, dataset, most)} if dataset else {})}.items():
        said = seen_rows.answer(model, part).aligned(targets.classes(part["label"], task)).judged
        scored = evaluation.metrics(
            part["label"], said, groups=part["group"], resamples=resamples, only=names, task=task.type
        )
        ends = {f"{name}{end}": scored.loc[name, of] for name in names for end, of in _ENDS.items()}
        found[place] = {"rows": len(part), **ends}
    return Transfer(pd.DataFrame.from_dict(found, orient="index").rename_axis("place"), metrics.METRICS[names[0]])
