"""A sweep's page: every metric with mean and interval over seeds, the best setting first, and a page for each point."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopbook.reports import site
from loopbook.reports.overview import label, number
from loopbook.reports.rendering import program, render
from loopbook.reports.runpages import BUILT
from loopbook.store import sweeps
from loopbook.store.content import digest_text
from loopbook.store.project import Project
from loopbook.store.records import Run
from loopbook.store.sweeps import Point, Sweep

LOWER = ("loss", "error", "cost", "brier", "ece", "seconds", "false_alarms", "latency", "bytes")
"""Words in the names of metrics of which less is better, where no acceptance criterion says it."""
_WIDTH, _ROW, _LEFT, _RIGHT, _TOP = 420, 26, 34, 16, 12


@dataclass(frozen=True)
class Metric:
    """A metric that differs between points.

    Attributes
    ----------
    name
        Stage and name: ``04_optimization test_roc_auc``; of a candidate's training ``03_training[lstm] …``.
    higher
        Whether more is better, and `by` says who says so: the scenario's criterion, or the metric's name.
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
    def told(self) -> str:
        if self.low is None:
            return f"{number(self.mean)} (one point, so no interval)"
        if min(self.values) == max(self.values):
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
class Bar:
    """A setting in a panel: its row, its points, its mean and interval, in the drawing's own units."""

    rank: int
    y: float
    mean: float
    low: float | None
    high: float | None
    dots: tuple[float, ...]


@dataclass(frozen=True)
class Panel:
    """One metric over all settings, the best setting at the top."""

    metric: Metric
    width: int
    height: int
    left: int
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    alt: str


@dataclass(frozen=True)
class Table:
    """A sweep compared.

    Attributes
    ----------
    main
        What settings are ordered by; None if nothing differs.
    metrics
        All that differ between points, those of criteria first.
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
    names = list(dict.fromkeys(name for each in found.values() for name in each))
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


def panels(table: Table) -> tuple[Panel, ...]:
    """Return a drawing for each metric that differs."""
    return tuple(_panel(metric, table.settings) for metric in table.metrics)


def command(sweep: Sweep, point: Point) -> str:
    """Return the command that makes an ordinary run, with its whole report, of a point."""
    params = " ".join(f"{name}={shlex.quote(json.dumps(value))}" for name, value in point.given.items())
    quoted = shlex.quote(f"PARAMS={params}".replace("$", "$$"))
    return f"make SCENARIO={sweep.scenario} PROFILE={sweep.profile} {quoted}"


def renew(project: Project, scenario: str | None = None) -> dict[str, Path]:
    """Build the pages of sweeps, as far as they are not up to date, one process at a time.

    Returns
    -------
    dict
        The page of each sweep, by the sweep's name.
    """
    from filelock import FileLock

    project.reports.mkdir(parents=True, exist_ok=True)
    with FileLock(project.reports_lock):
        site.assets(project.reports)
        found = sweeps.sweeps(project, scenario or "*")
        pages = {each.sweep: _build(project, each) for each in found}
        for name in {each.scenario for each in found}:
            own = [each for each in reversed(found) if each.scenario == name]
            listed = render("sweeps.html.j2", sweeps=own, title=own[0].title, depth="../../")
            site.write(project.reports / name / sweeps.FOLDER / "index.html", listed)
    return pages


def _build(project: Project, sweep: Sweep) -> Path:
    folder = project.reports / sweep.scenario / sweeps.FOLDER / sweep.sweep
    runs = sweeps.runs(project, sweep)
    made_from = digest_text("\n".join((program(), sweep.model_dump_json(), *(each.run for each in runs.values()))))
    built = folder / BUILT
    if built.is_file() and json.loads(built.read_text(encoding="utf-8")) == made_from:
        return folder / "index.html"
    table = compared(sweep, runs)
    about = {"sweep": sweep, "table": table, "depth": "../../../"}
    site.write(folder / "index.html", render("sweep.html.j2", **about, panels=panels(table)))
    for point in sweep.points:
        if point.name in runs:
            shown = render("point.html.j2", **about, point=point, run=runs[point.name], command=command(sweep, point))
            site.write(folder / f"{point.name}.html", shown)
    site.write(built, json.dumps(made_from))
    return folder / "index.html"


def _wanted(runs: Iterable[Run]) -> dict[str, bool]:
    """Return the metrics of acceptance criteria, and whether more of each is better."""
    return {
        f"{each.stage} {each.metric}": each.comparison in (">", ">=")
        for run in runs
        for each in run.criteria
        if each.comparison in (">", ">=", "<", "<=")
    }


def _metric(name: str, wanted: Mapping[str, bool]) -> Metric:
    if name in wanted:
        return Metric(name, wanted[name], "the acceptance criterion")
    lower = any(word in name.partition(" ")[2] for word in LOWER)
    return Metric(name, not lower, "its name")


def _setting(points: Sequence[Point], names: Sequence[str], found: Mapping[str, Mapping[str, float]]) -> Setting:
    estimates = {}
    for name in names:
        each = [found[point.name][name] for point in points if name in found.get(point.name, {})]
        if each:
            estimates[name] = Estimate.of(each)
    values = points[0].setting
    told = ", ".join(f"{name}={number(value)}" for name, value in values.items()) or "all seeds"
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


def _panel(metric: Metric, settings: Sequence[Setting]) -> Panel:
    rows = [(each, each.estimates[metric.name]) for each in settings if metric.name in each.estimates]
    ends = [value for _, one in rows for value in (*one.values, one.low, one.high) if value is not None]
    least, most = min(ends), max(ends)
    span = most - least or abs(most) or 1.0

    def x(value: float) -> float:
        return round(_LEFT + (value - least) / span * (_WIDTH - _LEFT - _RIGHT), 1)

    bars = tuple(
        Bar(
            each.rank,
            _TOP + _ROW * at + _ROW / 2,
            x(one.mean),
            None if one.low is None else x(one.low),
            None if one.high is None else x(one.high),
            tuple(x(value) for value in one.values),
        )
        for at, (each, one) in enumerate(rows)
    )
    alt = f"{metric.title}: " + "; ".join(f"{each.rank}, {each.told}: {one.told}" for each, one in rows[:20])
    ticks = tuple((x(value), number(value)) for value in dict.fromkeys((least, most)))
    return Panel(metric, _WIDTH, _TOP + _ROW * len(rows) + 24, _LEFT, bars, ticks, alt)
