"""Ranking of a sweep's settings: every metric with its mean and interval over seeds, the best setting first."""

import json
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from loopbook.comparison import direction
from loopbook.comparison.metric import recorded
from loopbook.statistics.intervals import student
from loopbook.statistics.metrics import HIGHER, PRIMARY, Direction
from loopbook.store.records import Run
from loopbook.store.sweep_records import Point, Sweep

_OF_RECORD = " record_"
"""In the names of what 04 measures of the champion of record."""
_CHOSEN_BY = {
    "04_optimization": tuple(f"validation_{name}" for name in PRIMARY.values()),
    "05_decisions": ("validation_cost",),
}
"""What a stage records of its choice on the rows on which it may choose: settings are ordered by it.

Ordered by rows that judge, the best of many settings would be the luckiest, and its figure on them no evidence."""


@dataclass(frozen=True)
class VaryingMetric:
    """A metric that differs between points.

    Attributes
    ----------
    name
        Stage and name: ``04_optimization test_roc_auc``; of a candidate's training ``03_training[lstm] …``.
    direction
        Which way it is better; None: nothing says so.
    """

    name: str
    direction: Direction | None

    @property
    def stage(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def chooses(self) -> bool:
        """Whether it is measured on the rows on which a stage may choose."""
        return self.name.partition(" ")[2] in _CHOSEN_BY.get(self.stage, ())


@dataclass(frozen=True)
class Estimate:
    """Mean of a metric over the points of a setting, with a 95% interval of Student's t; None for a single point."""

    values: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the estimate of a mean from independent values, one a seed."""
        ends = student(values)[1:] if len(values) > 1 else (None, None)
        return cls(tuple(values), statistics.fmean(values), *ends)

    @property
    def equal(self) -> bool:
        """Whether several points gave the very same: an interval would have no width, and say nothing of chance."""
        return len(self.values) > 1 and len(set(self.values)) == 1


@dataclass(frozen=True)
class Setting:
    """Points that differ only in seeds; `values` is what they share."""

    rank: int
    values: Mapping[str, Any]
    points: tuple[Point, ...]
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True)
class Ranking:
    """A sweep compared.

    Attributes
    ----------
    main
        What settings are ordered by, on validation if it can be; None if nothing differs.
    metrics
        All that differ between points, `main` and those of criteria first; the ends of a metric's own interval are
        none, unless a criterion is about them.
    same
        Names of metrics that are equal in all points.
    lines
        The champion of record, which no point chooses, by the name of the metric: the line to beat.
    """

    main: VaryingMetric | None
    settings: tuple[Setting, ...]
    metrics: tuple[VaryingMetric, ...]
    same: tuple[str, ...]
    lines: Mapping[str, Estimate]


def measured(run: Run) -> dict[str, float]:
    """Return what a point recorded; its only candidate's training under one name, whatever the candidate is called."""
    trained = [name for name, record in run.stages.items() if record.candidate]
    only = f"{trained[0]} " if len(trained) == 1 else ""
    return {
        f"{name.partition('[')[0]} {name.removeprefix(only)}" if only and name.startswith(only) else name: value
        for name, value in recorded(run).items()
    }


def rank(sweep: Sweep, runs: Mapping[str, Run]) -> Ranking:
    """Return the settings of a sweep, the best first.

    The first acceptance criterion whose metric differs between settings says of which stage the order is: it is by what
    this stage records on validation. Where a stage chooses nothing there, the order is by the criterion; without one,
    by the latest stage whose metrics differ.
    """
    found = {name: measured(run) for name, run in runs.items()}
    criteria = direction.by_criteria(runs.values())
    every = dict.fromkeys(name for numbers in found.values() for name in numbers)
    known = [name for name in every if _OF_RECORD not in name]
    lines = {
        name.replace(_OF_RECORD, " "): Estimate.of([numbers[name] for numbers in found.values() if name in numbers])
        for name in every
        if _OF_RECORD in name
    }
    # An end of another metric's interval, such as ``test_roc_auc_low``, is no metric of its own.
    ends = {f"{name}{end}" for name in known for end in ("_low", "_high")}
    names = [name for name in known if name in criteria or name not in ends]
    vary = [name for name in names if len({numbers[name] for numbers in found.values() if name in numbers}) > 1]
    ordered = [*(name for name in criteria if name in vary), *(name for name in vary if name not in criteria)]
    metrics = tuple(VaryingMetric(name, direction.of(name, criteria)) for name in ordered)
    groups: dict[str, list[Point]] = {}
    for point in sweep.points:
        groups.setdefault(json.dumps(point.setting, sort_keys=True, default=str), []).append(point)
    settings = [_setting(points, names, found) for points in groups.values()]
    main = _main(metrics, settings, criteria)
    if main is not None:
        settings.sort(key=lambda setting: _loss(setting, main))
        metrics = (main, *(metric for metric in metrics if metric != main))
    ranked = tuple(replace(setting, rank=rank) for rank, setting in enumerate(settings, 1))
    return Ranking(main, ranked, metrics, tuple(name for name in names if name not in vary), lines)


def _setting(points: Sequence[Point], names: Sequence[str], found: Mapping[str, Mapping[str, float]]) -> Setting:
    numbers = [found.get(point.name, {}) for point in points]
    values = {name: [number[name] for number in numbers if name in number] for name in names}
    estimates = {name: Estimate.of(measured) for name, measured in values.items() if measured}
    return Setting(0, points[0].setting, tuple(points), estimates)


def _main(
    metrics: Sequence[VaryingMetric], settings: Sequence[Setting], criteria: Collection[str]
) -> VaryingMetric | None:
    """Return what settings are ordered by: means that differ, by a criterion if there is one, else a late stage's."""
    means = {
        metric: [setting.estimates[metric.name].mean for setting in settings if metric.name in setting.estimates]
        for metric in metrics
    }
    differing = [metric for metric in metrics if len(set(means[metric])) > 1]
    first = next((metric for metric in differing if metric.name in criteria), None)
    chosen = [metric for metric in differing if metric.chooses]
    if chosen and (first is None or first.stage in _CHOSEN_BY):
        return next((metric for metric in chosen if first and metric.stage == first.stage), chosen[-1])
    if first is not None:
        return first
    shared = [metric for metric in differing if len(means[metric]) == len(settings)]
    return max(shared or differing, key=lambda metric: metric.stage, default=None)


def _loss(setting: Setting, main: VaryingMetric) -> tuple[bool, float]:
    """Return what settings are sorted by, the smallest first; where nothing says which way is better, more is."""
    found = setting.estimates.get(main.name)
    return found is None, (main.direction or HIGHER).loss(found.mean) if found else 0.0
