"""One run as a person asks for it: check, execute, write the report, say what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.store import snapshots
from loopbook.store.project import Project

if TYPE_CHECKING:
    from rich.console import Console

    from loopbook.runner import execution
    from loopbook.runner.executor import Engine
    from loopbook.runner.progress import Display
    from loopbook.store.records import Run


@dataclass(frozen=True)
class Request:
    """What to run.

    Attributes
    ----------
    scenario
        A name in ``notebooks/scenarios``, or the absolute path of a YAML file.
    resolved
        The scenario with profile and given values laid over it.
    given
        Given values by dotted name.
    jobs
        Notebooks executed at once; None: one a processor.
    time_limit
        Seconds that a notebook may take; None: as long as it wants.
    """

    project: Project
    scenario: str
    profile: str
    resolved: Scenario
    given: Mapping[str, Any]
    jobs: int | None = None
    time_limit: float | None = None

    @classmethod
    def read(
        cls,
        scenario: str,
        profile: str,
        params: str = "",
        jobs: int | None = None,
        time_limit: float | None = None,
    ) -> Request:
        """Read what a person typed.

        Raises
        ------
        LoopbookError
            If there is no project, or scenario, profile or a value does not fit.
        """
        project, given = Project.find(), loading.given_values(params)
        name = str(Path(scenario).resolve()) if scenario.endswith((".yaml", ".yml")) else scenario
        resolved = loading.load(name, project.scenarios, profile, given)
        return cls(project, name, profile, resolved, given, jobs, time_limit)

    def asked(self) -> execution.Request:
        """Return what the runner is asked for: with a fingerprint of the source, and what the round carries."""
        from loopbook.data import sources
        from loopbook.runner import execution

        source = sources.fingerprint(self.resolved.source, self.project.root, self.project.raw)
        snapshot = snapshots.current(self.project, self.resolved.name, self.profile)
        return execution.Request(
            self.project, self.scenario, self.resolved, self.profile, self.given, source, snapshot=snapshot
        )


def run(request: Request, console: Console) -> Run:
    """Run the notebooks that are not up to date, write the report, and say which criteria are met.

    Raises
    ------
    LoopbookError
        If the scenario does not fit its data or its files; nothing was started then.
    """
    (outcome,) = together([request], console)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome[0]


def together(requests: Sequence[Request], console: Console) -> list[tuple[Run, bool] | Exception]:
    """Run scenarios side by side, as far as the machine allows; none is stopped by another.

    Returns
    -------
    list
        In the order of `requests`: the record, and whether anything was to do; or what the scenario was refused for
        (`LoopbookError`), or a defect that stopped it.
    """
    from loopbook.runner.kernels.pool import why_spawn
    from loopbook.runner.progress import Display

    why_spawn()  # refuses a KERNELS that means nothing
    display = Display(console, width=28 if len(requests) == 1 else 46)
    outcomes: dict[int, tuple[Run, bool] | Exception] = {}
    waiting: dict[int, execution.Request] = {}
    with ExitStack() as held:
        engine: Engine | None = None
        for at, request in enumerate(requests):
            try:
                current = snapshots.current(request.project, request.resolved.name, request.profile)
                snapshots.refuse_other_layout(current, request.resolved)
                latest = _up_to_date(request)
                if latest is None:
                    engine = engine or held.enter_context(_engine(requests[0], display))
                    waiting[at] = _checked(request)
                else:
                    outcomes[at] = latest, False
            except Exception as error:
                outcomes[at] = error
                continue
            kind = "simulated data" if request.resolved.simulated else "real data"
            console.print(f"[bold]{request.resolved.title}[/] · {request.profile} · {kind}")
        if engine is not None and waiting:
            from loopbook.runner import run as runner

            with display:
                done = runner.together(list(waiting.values()), display, engine)
            outcomes |= dict(zip(waiting, done, strict=True))
    for at, request in enumerate(requests):
        outcome = outcomes[at]
        if not isinstance(outcome, Exception):
            try:
                _tell(request.project, *outcome, console)
            except Exception as error:
                outcomes[at] = error
    return [outcomes[at] for at in range(len(requests))]


@contextmanager
def _engine(request: Request, display: Display) -> Iterator[Engine]:
    """Open this machine's engine; the libraries of its kernels are imported while the checks go on."""
    from loopbook.runner.executor import Local
    from loopbook.runner.kernels.libraries import Level

    with Local.open(request.jobs, request.time_limit, display.note) as engine:
        engine.prepare(Level.LIGHT)
        yield engine


def _checked(request: Request) -> execution.Request:
    from loopbook.operations import preflight

    preflight.check(request.project, request.resolved)
    return request.asked()


def _tell(project: Project, record: Run, new: bool, console: Console) -> None:
    """Write the report, and say what came out."""
    page = report(project, record.scenario, rebuild=new or not _reported(project, record))
    if not new:
        console.print(f"Nothing to do: everything is up to date since run {record.run}.")
    for each in record.criteria:
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: f"[dim]{each.verdict}[/]"}[each.met]
        measured = each.measured
        console.print(f"  {mark}: ", end="")
        console.print(f"{each.text}{f' ({each.metric} {measured})' if measured else ''}", markup=False, soft_wrap=True)
    console.print(f"Report: {page}", markup=False, soft_wrap=True)


def _up_to_date(request: Request) -> Run | None:
    """Return the latest run if there is nothing to do; what passed the checks then needs none, nor pandas."""
    from loopbook.runner import staleness
    from loopbook.scenario.errors import LoopbookError
    from loopbook.store import syntax

    try:
        with syntax.remembered(request.project.cache):
            return staleness.nothing_to_do(request.asked())
    except LoopbookError:
        return None  # the checks before a run say the same, and more of it


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
