"""Run session: read a person's request, check it, execute what is stale, write the report, say what came out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from loopbook.comparison import standing
from loopbook.data import sources
from loopbook.operations import sealing
from loopbook.runner import staleness
from loopbook.runner.execution import Request
from loopbook.scenario import loading
from loopbook.scenario.errors import LoopbookError
from loopbook.store import snapshots, syntax
from loopbook.store.declaration import declarations
from loopbook.store.project import Project

if TYPE_CHECKING:
    from rich.console import Console

    from loopbook.runner.run import Outcome
    from loopbook.store.records import Run


def read(scenario: str, profile: str, params: str = "") -> Request:
    """Return the request that a person typed, without what it stands on (`settled`).

    Raises
    ------
    LoopbookError
        If there is no project, or scenario, profile or a value does not fit.
    """
    project, given = Project.find(), loading.given_values(params)
    name = str(Path(scenario).resolve()) if scenario.endswith((".yaml", ".yml")) else scenario
    return Request(project, name, loading.load(name, project.scenarios, profile, given), profile, given)


def settled(request: Request, say: Callable[[str], object] = lambda _: None) -> Request:
    """Return a request with what it stands on now: source's fingerprint, current round's snapshot, what was served.

    `say` is told how far that is where it lasts.
    """
    project, scenario = request.project, request.resolved
    return replace(
        request,
        source=sources.fingerprint(scenario.source, project.root, project.raw),
        snapshot=snapshots.current(project, scenario.name, request.profile),
        served=sealing.seal(project, scenario, request.profile, say),
    )


def run(request: Request, console: Console, jobs: int | None = None, time_limit: float | None = None) -> Run:
    """Run the notebooks that are not up to date, write the report, and say which criteria are met.

    Raises
    ------
    LoopbookError
        If the scenario does not fit its data or its files; nothing was started then.
    """
    (outcome,) = together([request], console, jobs, time_limit)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome[0]


def together(
    requests: Sequence[Request], console: Console, jobs: int | None = None, time_limit: float | None = None
) -> list[Outcome | Exception]:
    """Run scenarios side by side, as far as the machine allows; none is stopped by another.

    Parameters
    ----------
    requests
        As `read` returns them.
    jobs
        Notebooks executed at once; None: one a processor.
    time_limit
        Seconds that a notebook may take; None: as long as it wants.

    Returns
    -------
    list
        In the order of `requests`: the record, and whether anything was to do; or what the scenario was refused for
        (`LoopbookError`), or a defect that stopped it.
    """
    from loopbook.runner.progress import Display

    display = Display(console, width=28 if len(requests) == 1 else 46)
    outcomes: dict[int, Outcome | Exception] = {}
    waiting: dict[int, Request] = {}
    with ExitStack() as held:
        engine = None
        for place, request in enumerate(requests):
            try:
                request, latest = _latest(request, console)
                if latest is None:
                    from loopbook.operations import preflight
                    from loopbook.runner.executor import Local
                    from loopbook.runner.kernels.pool import Level

                    if engine is None:
                        workers = max(request.resolved.training.workers for request in requests)
                        engine = held.enter_context(Local.open(jobs, time_limit, display.note, workers))
                        engine.prepare(Level.LIGHT)  # libraries of the kernels are imported while the checks go on
                    preflight.check(request.project, request.resolved)
                    waiting[place] = request
                else:
                    outcomes[place] = latest, False
            except Exception as error:
                outcomes[place] = error
                continue
            kind = "simulated data" if request.resolved.simulated else "real data"
            console.print(f"[bold]{request.resolved.title}[/] · {request.profile} · {kind}")
            if place in waiting:
                for stage, values in saved(request.project).items():
                    console.print(f"  {stage}: its parameters cell says {values}", markup=False)
        if engine is not None and waiting:
            from loopbook.runner import run as runner

            with display:
                done = runner.together(list(waiting.values()), display, engine)
            outcomes |= dict(zip(waiting, done, strict=True))
    for place, request in enumerate(requests):
        outcome = outcomes[place]
        if not isinstance(outcome, Exception):
            try:
                _tell(request.project, *outcome, console)
            except Exception as error:
                outcomes[place] = error
    return [outcomes[place] for place in range(len(requests))]


def saved(project: Project) -> dict[str, str]:
    """Return the values that somebody has saved in parameters cells instead of None, by stage."""
    found = {
        stage: ", ".join(
            f"{name} = {declared.cell[name]!r}" for name in declared.flat if declared.cell[name] is not None
        )
        for stage, declared in declarations(project.notebooks).items()
    }
    return {stage: values for stage, values in found.items() if values}


def _latest(request: Request, console: Console) -> tuple[Request, Run | None]:
    """Return the settled request, and the latest run if there is nothing to do: that needs no checks, nor pandas."""
    try:
        request = settled(request, lambda text: console.print(f"  {text}", markup=False))
        snapshots.refuse_other_layout(request.snapshot, request.resolved)
        with syntax.remembered(request.project.cache):
            return request, staleness.nothing_to_do(request)
    except LoopbookError:
        from loopbook.operations import preflight

        preflight.check(request.project, request.resolved)  # it says the same, and more of it
        raise


def _tell(project: Project, record: Run, new: bool, console: Console) -> None:
    """Write the report, and say what came out."""
    page = report(project, record.scenario, rebuild=new or not _reported(project, record))
    if not new:
        console.print(f"Nothing to do: everything is up to date since run {record.run}.")
    for found in record.criteria:
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: f"[dim]{found.verdict}[/]"}[found.met]
        measured = f" ({found.metric}: {found.measured})" if found.measured else ""
        console.print(f"  {mark}: ", end="")
        console.print(f"{found.text}{measured}", markup=False, soft_wrap=True)
    if new:  # alerts are read by a library that a run with nothing to do does not wait for
        place = standing.standing(record, standing.open_alerts(record, project.data))
        colour = {"good": "green", "bad": "red"}.get(place.mood, "")
        console.print(place.sentence, style=colour, markup=False, soft_wrap=True)
    if not record.good:
        page = project.reports / record.scenario / record.run / "index.html"
    console.print(f"Report{'' if record.good else ' of this failed run'}: {page}", markup=False, soft_wrap=True)


def _reported(project: Project, run: Run) -> bool:
    """Say whether the report shows a run; not if what made it was killed between its record and its pages."""
    # The index is written last, and names every run.
    index = project.reports / "index.html"
    return index.is_file() and f"{run.scenario}/{run.run}/index.html" in index.read_text(encoding="utf-8")


def report(project: Project, scenario: str | None, rebuild: bool) -> Path:
    """Build the reports of a scenario, or of all, if asked to or if they are not there; return the page to open."""
    page = project.reports / (f"{scenario}/latest/index.html" if scenario else "index.html")
    if rebuild or not page.is_file():
        from loopbook.reports import site, sweep_pages

        if scenario is None:
            sweep_pages.renew(project)  # first: the index links to what is there
        site.renew(project, scenario)
    return page if page.is_file() else project.reports / "index.html"
