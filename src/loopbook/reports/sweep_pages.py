"""The pages of sweeps: one a sweep with its plots, one a point, and a list of an agent's sweeps."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loopbook.comparison import sweep_ranking
from loopbook.reports import chart, overview, site
from loopbook.reports.overview import number
from loopbook.reports.rendering import program, render
from loopbook.scenario.loading import given_text
from loopbook.store import sweep_records
from loopbook.store.content import digest_text
from loopbook.store.project import Project

_WIDTH, _ROW, _LEFT, _RIGHT, _TOP = 300, 26, 34, 16, 12


def setting_text(setting: sweep_ranking.Setting) -> str:
    """Return a setting in words: its values, exactly."""
    return ", ".join(f"{name}={overview.setting(value)}" for name, value in setting.values.items()) or "all seeds"


def estimate_text(estimate: sweep_ranking.Estimate) -> str:
    """Return an estimate in words: the mean, and its interval or why there is none."""
    mean, count = number(estimate.mean), len(estimate.values)
    if estimate.low is None:
        return f"{mean} (one point, so no interval)"
    if estimate.equal:
        return f"{mean} (equal in all {count} points)"
    return f"{mean} (95% interval {number(estimate.low)} to {number(estimate.high)}, n = {count})"


def command(sweep: sweep_records.Sweep, point: sweep_records.Point) -> str:
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
        found = sweep_records.sweeps(project, scenario)
        pages = {sweep.sweep: _build(project, sweep) for sweep in found}
        for name in {sweep.scenario for sweep in found}:
            own = [sweep for sweep in reversed(found) if sweep.scenario == name]
            listed = render("sweeps.html.j2", sweeps=own, title=own[0].title, depth="../../")
            site.write(project.reports / name / sweep_records.FOLDER / "index.html", listed)
    return pages


def _build(project: Project, sweep: sweep_records.Sweep) -> Path:
    folder = project.reports / sweep.scenario / sweep_records.FOLDER / sweep.sweep
    runs = sweep_records.runs(project, sweep)
    made_from = digest_text("\n".join((program(), sweep.model_dump_json(), *(run.run for run in runs.values()))))
    built = folder / site.BUILT
    if built.is_file() and json.loads(built.read_text(encoding="utf-8")) == made_from:
        return folder / "index.html"
    table = sweep_ranking.rank(sweep, runs)
    panels = [_panel(metric, table.settings, table.lines.get(metric.name)) for metric in table.metrics]
    about = {
        "sweep": sweep,
        "table": table,
        "depth": "../../../",
        "setting_text": setting_text,
        "width": _WIDTH,
        "left": _LEFT,
    }
    site.write(folder / "index.html", render("sweep.html.j2", **about, panels=panels))
    for point in sweep.points:
        if point.name in runs:
            shown = render("point.html.j2", **about, point=point, run=runs[point.name], command=command(sweep, point))
            site.write(folder / f"{point.name}.html", shown)
    site.write(built, json.dumps(made_from))
    return folder / "index.html"


def _panel(
    metric: sweep_ranking.VaryingMetric, settings: Sequence[sweep_ranking.Setting], line: sweep_ranking.Estimate | None
) -> dict[str, Any]:
    """Draw one metric, the best setting at the top: a row a setting, with its points, its mean and the interval.

    `line` is the champion of record, to be beaten.
    """
    rows = [(setting, setting.estimates[metric.name]) for setting in settings if metric.name in setting.estimates]
    ends = [end for _, found in rows for end in (*found.values, found.low, found.high) if end is not None]
    ends += [line.mean] if line else []
    least, most = min(ends), max(ends)
    x = chart.scale(least, most if most > least else least + (abs(least) or 1.0), _LEFT, _WIDTH - _RIGHT)
    bars = [
        {
            "rank": setting.rank,
            "y": _TOP + _ROW * row + _ROW / 2,
            "mean": x(found.mean),
            "low": None if found.low is None else x(found.low),
            "high": None if found.high is None else x(found.high),
            "dots": [x(value) for value in found.values],
        }
        for row, (setting, found) in enumerate(rows)
    ]
    said = (f"{setting.rank}, {setting_text(setting)}: {estimate_text(found)}" for setting, found in rows[:20])
    return {
        "metric": metric,
        "height": _TOP + _ROW * len(rows) + 24,
        "bars": bars,
        "line": x(line.mean) if line else None,
        "ticks": chart.ticks(least, most, x),
        "alt": f"{overview.title(metric.name)}: {'; '.join(said)}"
        + (f"; champion of record: {number(line.mean)}" if line else ""),
    }
