"""One run as a person asks for it: check, execute, write the report, say what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.store import snapshots
from loopbook.store.project import Project

if TYPE_CHECKING:
    from rich.console import Console

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


def run(request: Request, console: Console) -> Run:
    """Run the notebooks that are not up to date, write the report, and say which criteria are met.

    Raises
    ------
    LoopbookError
        If the scenario does not fit its data or its files; nothing was started then.
    """
    from loopbook import preflight

    # What a scenario alone can be refused for is refused before pandas is imported.
    from loopbook.data import sources
    from loopbook.runner import execution
    from loopbook.runner import run as runner
    from loopbook.runner.display import Display
    from loopbook.runner.kernels import why_spawn

    project, scenario = request.project, request.resolved
    why_spawn()  # refuses a KERNELS that means nothing
    preflight.check(project, scenario)
    snapshots.refuse_other_layout(snapshots.current(project, scenario.name, request.profile), scenario)
    kind = "simulated data" if scenario.simulated else "real data"
    console.print(f"[bold]{scenario.title}[/] · {request.profile} · {kind}")
    source = sources.fingerprint(scenario.source, project.root, project.raw)
    asked = execution.Request(project, request.scenario, scenario, request.profile, request.given, source)
    with Display(console) as display:
        record, new = runner.run(asked, display, request.jobs, request.time_limit)
    page = report(project, record.scenario, rebuild=new)
    if not new:
        console.print(f"Nothing to do: everything is up to date since run {record.run}.")
    for each in record.criteria:
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: "[dim]not yet tested[/]"}[each.met]
        measured = f"{each.value:.3g}, wanted {each.comparison} {each.threshold:g}" if each.value is not None else ""
        console.print(f"  {mark}: ", end="")
        console.print(f"{each.text}{f' ({each.metric} {measured})' if measured else ''}", markup=False, soft_wrap=True)
    console.print(f"Report: {page}", markup=False, soft_wrap=True)
    return record


def report(project: Project, scenario: str | None, rebuild: bool) -> Path:
    """Build the reports of a scenario, or of all, if asked to or if they are not there; return the page to open."""
    page = project.reports / (f"{scenario}/latest/index.html" if scenario else "index.html")
    if rebuild or not page.is_file():
        from loopbook.reports import site

        site.renew(project, scenario)
    return page if page.is_file() else project.reports / "index.html"
