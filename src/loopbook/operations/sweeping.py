"""One sweep as a person asks for it: check every point, run them, write the page, say which setting is best."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from loopbook.operations import session
from loopbook.runner import grid
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError, MissingInput, suggest
from loopbook.store import content, snapshots, sweep_records
from loopbook.store.project import Project
from loopbook.store.sweep_records import Point, Sweep

if TYPE_CHECKING:
    from rich.console import Console

    from loopbook.runner.executor import Engine
    from loopbook.runner.progress import Display

Kind = Literal["local", "dask"]
ENGINES = ("local", "dask")
HPARAMS = "hparams"


@dataclass(frozen=True)
class Request:
    """What to sweep.

    Attributes
    ----------
    common
        What all points have in common.
    points
        Each point, with the scenario that it runs.
    engine
        ``local`` or ``dask``.
    address
        Of the Dask scheduler.
    """

    common: session.Request
    grid: str
    points: tuple[tuple[Point, Scenario], ...]
    engine: str
    address: str | None

    @classmethod
    def read(cls, common: session.Request, text: str, engine: str, address: str | None) -> Request:
        """Read what a person typed.

        Raises
        ------
        LoopbookError
            If the grid, a name in it, a value or the engine does not fit.
        """
        if engine not in ENGINES:
            raise LoopbookError(f"ENGINE is {engine!r}, but must be local or dask.{suggest(engine, ENGINES)}")
        if engine == "dask" and not address:
            raise LoopbookError(
                "ENGINE=dask needs the address of a scheduler: make sweep ENGINE=dask DASK=tcp://host:8786\n"
                "To start a cluster, in this folder: .venv/bin/dask scheduler, and on each machine that shares it: "
                ".venv/bin/dask worker tcp://host:8786 --nthreads 1 --nworkers 2"
            )
        if engine == "local" and address:
            raise LoopbookError(f"DASK={address} is for ENGINE=dask; add that, or leave DASK out.")
        from loopbook.runner import sweep

        axes = grid.parse(text)
        found = sweep.points(common.project, common.scenario, common.profile, axes, common.given)
        return cls(common, text, tuple(found), engine, address)


def run(request: Request, console: Console) -> Sweep:
    """Run every point that is not up to date, write the sweep's page, and say which setting is best.

    Raises
    ------
    LoopbookError
        If a point does not fit its data or its files, or the cluster cannot be used; nothing was started then.
    """
    from loopbook.runner import sweep as runner
    from loopbook.runner.kernels.pool import why_spawn
    from loopbook.runner.progress import Display

    why_spawn()
    common, (_, first) = request.common, request.points[0]
    project = common.project
    asked = _asked(request)
    requests = _checked(request)
    kind = "simulated data" if first.simulated else "real data"
    console.print(f"[bold]{first.title}[/] · {common.profile} · {kind} · sweep of {len(request.points)} points")
    with Display(console, brief=True, width=34) as display:
        done, new = runner.run(requests, asked, display, _engine(request, display))
    if new:
        write_hparams(project, done)
    page = _report(project, done)
    if not new:
        console.print(f"Nothing to do: everything is up to date since sweep {done.sweep}.")
    _say(console, project, done)
    console.print(f"TensorBoard: make tensorboard SCENARIO={done.scenario} SWEEP={done.sweep}", markup=False)
    console.print(f"Report: {page}", markup=False, soft_wrap=True)
    return done


def write_hparams(project: Project, sweep: Sweep) -> Path:
    """Write what TensorBoard's HParams shows of a sweep, and return the folder."""
    from loopbook.comparison.metric import recorded
    from loopbook.models.training import hparams

    runs = sweep_records.runs(project, sweep)
    sessions = [
        hparams.Session(
            name=point.name,
            values=point.values,
            metrics=recorded(runs[point.name]) if point.name in runs else {},
            good=point.status in ("good", "missed"),
            setting=json.dumps(point.setting, ensure_ascii=False) if point.setting else "seeds",
        )
        for point in sweep.points
        if point.status != "waiting"
    ]
    return hparams.write(events(project, sweep.scenario, sweep.sweep), sessions)


def events(project: Project, scenario: str, name: str) -> Path:
    """Return the folder of a sweep's event files."""
    return sweep_records.path(project, scenario, name).with_suffix("") / HPARAMS


def logged(project: Project, scenario: str, name: str) -> Path:
    """Return the folder of event files of a sweep that there is.

    Raises
    ------
    MissingInput
        If there is none of this name.
    """
    found = events(project, scenario, name)
    if not found.is_dir():
        known = [each.sweep for each in sweep_records.sweeps(project, scenario)]
        raise MissingInput(f"There is no sweep {name!r} of {scenario}.{suggest(name, known)}")
    return found


def _asked(request: Request) -> Sweep:
    common, (_, first) = request.common, request.points[0]
    return Sweep(
        scenario=first.name,
        title=first.title,
        simulated=first.simulated,
        sweep="",
        profile=common.profile,
        round=snapshots.current(common.project, first.name, common.profile).round,
        grid=request.grid,
        given=dict(common.given),
        engine=request.engine,
        status="running",
        started="",
        seconds=0.0,
        points=tuple(point for point, _ in request.points),
    )


def _checked(request: Request) -> list[Any]:
    """Return what the runner is asked for, a request a point; each was checked against its data and files."""
    from loopbook.data import sources
    from loopbook.operations import preflight
    from loopbook.runner import execution

    common, project = request.common, request.common.project
    if request.engine == "dask":
        # Workers do not know what this process's environment says of folders.
        project = replace(project, data_at=project.data.absolute(), reports_at=project.reports.absolute())
    prints: dict[str, str] = {}
    checked: set[str] = set()
    found = []
    for point, scenario in request.points:
        settings = scenario.model_dump(mode="json")
        # Seeds and numbers of passes can be wrong in no way that the contract has not refused.
        if content.digest_json({**settings, "training": _shape(settings)}) not in checked:
            try:
                preflight.check(project, scenario)
            except LoopbookError as error:
                told = " ".join(f"{name}={value}" for name, value in point.values.items())
                raise type(error)(f"GRID, point {point.name} ({told}): {error}") from error
            checked.add(content.digest_json({**settings, "training": _shape(settings)}))
        source = content.digest_json(settings["source"])
        if source not in prints:
            prints[source] = sources.fingerprint(scenario.source, project.root, project.raw)
        found.append(execution.Request(project, common.scenario, scenario, common.profile, point.given, prints[source]))
    return found


def _shape(settings: Mapping[str, Any]) -> Any:
    return {name: settings["training"][name] for name in ("only", "candidates")}


def _engine(request: Request, display: Display) -> AbstractContextManager[Engine]:
    common = request.common
    if request.engine == "dask":
        from loopbook.runner.cluster import Cluster

        assert request.address is not None
        return Cluster.open(request.address, common.project, common.time_limit, display.note)
    from loopbook.runner.executor import Local

    return Local.open(common.jobs, common.time_limit, display.note)


def _report(project: Project, done: Sweep) -> Path:
    from loopbook.reports import sweep_pages

    return sweep_pages.renew(project, done.scenario)[done.sweep]


def _say(console: Console, project: Project, done: Sweep) -> None:
    from loopbook.comparison import sweep_ranking
    from loopbook.reports import sweep_pages

    table = sweep_ranking.rank(done, sweep_records.runs(project, done))
    if table.main is None:
        console.print("No metric differs between the settings." if len(table.settings) > 1 else "One setting.")
        return
    for setting in table.settings[:5]:
        found = setting.estimates.get(table.main.name)
        if found is not None:
            text = f"{sweep_pages.setting_text(setting)}: {table.main.name} {sweep_pages.estimate_text(found)}"
            console.print(f"  {text}", markup=False, soft_wrap=True)
