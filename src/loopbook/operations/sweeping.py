"""Sweep session: check every point of a grid, run them, write the page, say which setting is best."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from loopbook.comparison import sweep_ranking
from loopbook.data import sources
from loopbook.operations import preflight, sealing
from loopbook.reports import sweep_pages
from loopbook.runner import grid
from loopbook.runner import sweep as runner
from loopbook.runner.execution import Request
from loopbook.runner.executor import Engine, Local
from loopbook.runner.progress import Display
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError, MissingInput, refuse, suggest
from loopbook.store import snapshots, sweep_records
from loopbook.store.project import Project

ENGINES = ("local", "dask")
HPARAMS = "hparams"


def run(
    request: Request,
    axes: str,
    console: Console,
    engine: str = "local",
    address: str | None = None,
    jobs: int | None = None,
    time_limit: float | None = None,
) -> sweep_records.Sweep:
    """Run every point that is not up to date, write the sweep's page, and say which setting is best.

    Parameters
    ----------
    request
        What all points have in common, as `session.read` returns it.
    axes
        The grid as it was typed.
    engine, address
        ``local``, or ``dask`` with its scheduler's address.
    jobs, time_limit
        As for a run.

    Raises
    ------
    LoopbookError
        If the grid, a value, the engine, or a point's data or files do not fit, or the cluster cannot be used; nothing
        was started then.
    """
    _check_engine(engine, address)
    project = request.project
    points = runner.points(project, request.scenario, request.profile, grid.parse(axes), request.given)
    first = points[0][1]
    requests = _checked(request, points, engine)
    asked = sweep_records.Sweep(
        scenario=first.name,
        title=first.title,
        simulated=first.simulated,
        sweep="",
        profile=request.profile,
        round=requests[0].snapshot.round,
        grid=axes,
        given=dict(request.given),
        engine=engine,
        status="running",
        started="",
        seconds=0.0,
        points=tuple(point for point, _ in points),
    )
    kind = "simulated data" if first.simulated else "real data"
    console.print(f"[bold]{first.title}[/] · {request.profile} · {kind} · sweep of {len(points)} points")
    with Display(console, brief=True, width=34) as display:
        place = _engine(project, address, jobs, time_limit, display)
        done, new = runner.run(requests, asked, display, place)
    if new:
        write_hparams(project, done)
    page = sweep_pages.renew(project, done.scenario)[done.sweep]
    if not new:
        console.print(f"Nothing to do: everything is up to date since sweep {done.sweep}.")
    _say(console, project, done)
    console.print(f"TensorBoard: make tensorboard SCENARIO={done.scenario} SWEEP={done.sweep}", markup=False)
    console.print(f"Report: {page}", markup=False, soft_wrap=True)
    return done


def write_hparams(project: Project, sweep: sweep_records.Sweep) -> Path:
    """Write what TensorBoard's HParams shows of a sweep, and return the folder."""
    from loopbook.models.training import hparams

    ended = [point for point in sweep.points if point.status != "waiting"]
    measured = {name: sweep_ranking.measured(run) for name, run in sweep_records.runs(project, sweep).items()}
    return hparams.write(events(project, sweep.scenario, sweep.sweep), ended, measured)


def events(project: Project, scenario: str, name: str) -> Path:
    """Return the folder of a sweep's event files."""
    return sweep_records.path(project, scenario, name).with_suffix("") / HPARAMS


def logged(project: Project, scenario: str, name: str) -> Path:
    """Write the event files of a sweep anew from its records, which are checked, and return their folder.

    Raises
    ------
    MissingInput
        If there is none of this name.
    """
    known = {sweep.sweep: sweep for sweep in sweep_records.sweeps(project, scenario)}
    if name not in known:
        raise MissingInput(f"There is no sweep {name!r} of {scenario}.{suggest(name, list(known))}")
    return write_hparams(project, known[name])


def _check_engine(engine: str, address: str | None) -> None:
    refuse(
        LoopbookError,
        (engine not in ENGINES, f"ENGINE is {engine!r}, but must be local or dask.{suggest(engine, ENGINES)}"),
        (
            engine == "dask" and not address,
            "ENGINE=dask needs the address of a scheduler: make sweep ENGINE=dask DASK=tcp://host:8786\n"
            "To start a cluster, in this folder: .venv/bin/dask scheduler, and on each machine that shares it: "
            ".venv/bin/dask worker tcp://host:8786 --nthreads 1 --nworkers 2",
        ),
        (engine == "local" and address, f"DASK={address} is for ENGINE=dask; add that, or leave DASK out."),
    )


def _checked(request: Request, points: Sequence[tuple[sweep_records.Point, Scenario]], engine: str) -> list[Request]:
    """Return a request a point, each checked against its data and files; equal sources are fingerprinted once."""
    project = request.project
    if engine == "dask":
        # Workers do not know what this process's environment says of folders.
        project = replace(project, data_at=project.data.absolute(), reports_at=project.reports.absolute())
    snapshot = snapshots.current(project, request.resolved.name, request.profile)
    # Seeds and numbers of passes can be wrong in no way that the contract has not refused.
    shapes = {_shape(scenario): (point, scenario) for point, scenario in reversed(points)}
    for point, scenario in reversed(shapes.values()):
        try:
            preflight.check(project, scenario)
        except LoopbookError as error:
            values = " ".join(f"{name}={value}" for name, value in point.values.items())
            raise type(error)(f"GRID, point {point.name} ({values}): {error}") from error
    read = {scenario.source.model_dump_json(): scenario.source for _, scenario in points}
    prints = {text: sources.fingerprint(source, project.root, project.raw) for text, source in read.items()}
    # The champion of record would win in every point: it is measured beside their own candidates instead.
    snapshot = snapshot.model_copy(update={"elects_record": not snapshot.champion})
    served = sealing.seal(project, request.resolved, request.profile)
    shared = replace(request, project=project, snapshot=snapshot, served=served)
    return [
        replace(shared, resolved=scenario, given=point.given, source=prints[scenario.source.model_dump_json()])
        for point, scenario in points
    ]


def _shape(scenario: Scenario) -> tuple[str, str]:
    """Return all of a scenario but its seeds and numbers of passes."""
    training = scenario.training.model_dump_json(include={"only", "candidates"})
    return scenario.model_dump_json(exclude={"training"}), training


def _engine(
    project: Project, address: str | None, jobs: int | None, time_limit: float | None, display: Display
) -> AbstractContextManager[Engine]:
    if address is not None:
        from loopbook.runner.cluster import Cluster

        return Cluster.open(address, project, time_limit, display.note)
    return Local.open(jobs, time_limit, display.note)


def _say(console: Console, project: Project, done: sweep_records.Sweep) -> None:
    table = sweep_ranking.rank(done, sweep_records.runs(project, done))
    line = table.lines.get(table.main.name if table.main else "")
    if line is not None and table.main is not None:
        text = f"champion of record, the line to beat: {table.main.name} {sweep_pages.estimate_text(line)}"
        console.print(f"  {text}", markup=False, soft_wrap=True)
    if table.main is None:
        console.print("No metric differs between the settings." if len(table.settings) > 1 else "One setting.")
        return
    shown = table.metrics[: 2 if table.main.chooses else 1]  # what chooses, and the first that judges
    for setting in table.settings[:5]:
        found = [(metric.name, setting.estimates.get(metric.name)) for metric in shown]
        told = "; ".join(f"{name} {sweep_pages.estimate_text(each)}" for name, each in found if each is not None)
        if told:
            console.print(f"  {sweep_pages.setting_text(setting)}: {told}", markup=False, soft_wrap=True)
