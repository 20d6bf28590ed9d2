"""The pages of sweeps: one a sweep with its plots, one a point, and a list of an agent's sweeps."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loopbook.reports import site
from loopbook.reports.overview import number
from loopbook.reports.rendering import program, render
from loopbook.reports.run_pages import BUILT
from loopbook.reports.sweep import Metric, Setting, Table, compared
from loopbook.scenario.loading import given_text
from loopbook.store import sweep_records
from loopbook.store.content import digest_text
from loopbook.store.project import Project
from loopbook.store.sweep_records import Point, Sweep

_WIDTH, _ROW, _LEFT, _RIGHT, _TOP = 300, 26, 34, 16, 12


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


def panels(table: Table) -> tuple[Panel, ...]:
    """Return a drawing for each metric that differs."""
    return tuple(_panel(metric, table.settings) for metric in table.metrics)


def command(sweep: Sweep, point: Point) -> str:
    """Return the command that makes an ordinary run, with its whole report, of a point."""
    params = given_text(point.given).replace("$", "$$")
    plain = not set('"$`!\\\n') & set(params)
    given = f'PARAMS="{params}"' if plain else shlex.quote(f"PARAMS={params}")
    return f"make SCENARIO={sweep.scenario} PROFILE={sweep.profile} {given}"


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
        found = sweep_records.sweeps(project, scenario or "*")
        pages = {each.sweep: _build(project, each) for each in found}
        for name in {each.scenario for each in found}:
            own = [each for each in reversed(found) if each.scenario == name]
            listed = render("sweeps.html.j2", sweeps=own, title=own[0].title, depth="../../")
            site.write(project.reports / name / sweep_records.FOLDER / "index.html", listed)
    return pages


def _build(project: Project, sweep: Sweep) -> Path:
    folder = project.reports / sweep.scenario / sweep_records.FOLDER / sweep.sweep
    runs = sweep_records.runs(project, sweep)
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
