"""A sweep compared: every metric with mean and interval over seeds, and the best setting first."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loopbook.reports.overview import label, number, setting
from loopbook.store.records import Run
from loopbook.store.sweep_records import Point, Sweep

LOWER = ("loss", "error", "cost", "brier", "ece", "seconds", "false_alarms", "latency", "bytes")
"""Words in the names of metrics of which less is better, where no acceptance criterion says it."""
HIGHER = ("auc", "accuracy", "precision", "recall", "f1", "score", "gain", "saving")
"""The same for more; of a metric whose name has neither (``acts``, ``reviews``), no direction is claimed."""


@dataclass(frozen=True)
class Metric:
    """A metric that differs between points.

    Attributes
    ----------
    name
        Stage and name: ``04_optimization test_roc_auc``; of a candidate's training ``03_training[lstm] …``.
    higher
        Whether more is better, and `by` says who says so: the scenario's criterion, or the metric's name; empty if
        nobody does.
    """

    name: str
    higher: bool
    by: str

    @property
    def stage(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def title(self) -> str:
        return label(self.name.partition(" ")[2])


@dataclass(frozen=True)
class Estimate:
    """Mean of a metric over the points of a setting, with a 95 % interval of Student's t; None for a single point."""

    values: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """Return the estimate of a mean from independent values, one a seed."""
        mean, count = math.fsum(values) / len(values), len(values)
        if count == 1:
            return cls(tuple(values), mean, None, None)
        from scipy import stats

        spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
        half = float(stats.t.ppf(0.975, count - 1)) * spread / math.sqrt(count)
        return cls(tuple(values), mean, mean - half, mean + half)

    @property
    def equal(self) -> bool:
        """Whether several points gave the very same: an interval would have no width, and say nothing of chance."""
        return len(self.values) > 1 and len(set(self.values)) == 1

    @property
    def told(self) -> str:
        if self.low is None:
            return f"{number(self.mean)} (one point, so no interval)"
        if self.equal:
            return f"{number(self.mean)} (equal in all {len(self.values)} points)"
        return f"{number(self.mean)} (95 % interval {number(self.low)} to {number(self.high)}, n = {len(self.values)})"


@dataclass(frozen=True)
class Setting:
    """Points that differ only in seeds."""

    rank: int
    told: str
    values: Mapping[str, Any]
    points: tuple[Point, ...]
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True)
class Table:
    """A sweep compared.

    Attributes
    ----------
    main
        What settings are ordered by; None if nothing differs.
    metrics
        All that differ between points, those of criteria first; the ends of a metric's own interval are none, unless
        a criterion is about them.
    same
        Names of metrics that are equal in all points.
    """

    main: Metric | None
    settings: tuple[Setting, ...]
    metrics: tuple[Metric, ...]
    same: tuple[str, ...]


def figures(run: Run) -> dict[str, float]:
    """Return the numbers that a run's stages recorded, by stage and name."""
    return {
        f"{name} {metric}": float(value)
        for name, record in run.stages.items()
        for metric, value in record.metrics.items()
        if isinstance(value, bool | int | float) and math.isfinite(value)
    }


def compared(sweep: Sweep, runs: Mapping[str, Run]) -> Table:
    """Return the settings of a sweep, the best first.

    The order is by the first acceptance criterion whose metric differs between settings; without one, by the first
    metric that does, of the latest stage that has any.
    """
    found = {name: figures(run) for name, run in runs.items()}
    wanted = _wanted(runs.values())
    known = dict.fromkeys(name for each in found.values() for name in each)
    names = [name for name in known if name in wanted or not _is_bound(name, known)]
    vary = [name for name in names if len({each[name] for each in found.values() if name in each}) > 1]
    ordered = [*(name for name in wanted if name in vary), *(name for name in vary if name not in wanted)]
    metrics = tuple(_metric(name, wanted) for name in ordered)
    groups: dict[str, list[Point]] = {}
    for point in sweep.points:
        groups.setdefault(json.dumps(point.setting, sort_keys=True, default=str), []).append(point)
    settings = [_setting(points, names, found) for points in groups.values()]
    main = _main(metrics, settings, wanted)
    if main is not None:
        settings.sort(key=lambda each: _place(each, main))
    ranked = tuple(
        Setting(rank, each.told, each.values, each.points, each.estimates) for rank, each in enumerate(settings, 1)
    )
    return Table(main, ranked, metrics, tuple(name for name in names if name not in vary))


def _wanted(runs: Iterable[Run]) -> dict[str, bool]:
    """Return the metrics of acceptance criteria, and whether more of each is better."""
    return {
        f"{each.stage} {each.metric}": each.comparison in (">", ">=")
        for run in runs
        for each in run.criteria
        if each.comparison in (">", ">=", "<", "<=")
    }


def _is_bound(name: str, known: Collection[str]) -> bool:
    """Say whether a metric is an end of another's interval: ``test_roc_auc_low``."""
    return name.endswith(("_low", "_high")) and name.rpartition("_")[0] in known


def _metric(name: str, wanted: Mapping[str, bool]) -> Metric:
    if name in wanted:
        return Metric(name, wanted[name], "the acceptance criterion")
    own = name.partition(" ")[2]
    lower = any(word in own for word in LOWER)
    return Metric(name, not lower, "its name" if lower or any(word in own for word in HIGHER) else "")


def _setting(points: Sequence[Point], names: Sequence[str], found: Mapping[str, Mapping[str, float]]) -> Setting:
    estimates = {}
    for name in names:
        each = [found[point.name][name] for point in points if name in found.get(point.name, {})]
        if each:
            estimates[name] = Estimate.of(each)
    values = points[0].setting
    told = ", ".join(f"{name}={setting(value)}" for name, value in values.items()) or "all seeds"
    return Setting(0, told, values, tuple(points), estimates)


def _main(metrics: Sequence[Metric], settings: Sequence[Setting], wanted: Mapping[str, bool]) -> Metric | None:
    """Return what settings are ordered by: means that differ, by a criterion if there is one, else a late stage's."""
    differing = [
        each
        for each in metrics
        if len({setting.estimates[each.name].mean for setting in settings if each.name in setting.estimates}) > 1
    ]
    first = next((each for each in differing if each.name in wanted), None)
    if first is not None:
        return first
    shared = [each for each in differing if all(each.name in setting.estimates for setting in settings)]
    return max(shared or differing, key=lambda each: each.stage, default=None)


def _place(setting: Setting, main: Metric) -> tuple[bool, float]:
    found = setting.estimates.get(main.name)
    if found is None:
        return True, 0.0
    return False, -found.mean if main.higher else found.mean
