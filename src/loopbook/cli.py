"""The command line: parse, call, print.

Exit codes: 0 all good · 1 a notebook failed · 2 the input is bad, nothing was started · 3 a criterion was missed ·
130 interrupted (a signal that ends it: 128 and its number).
"""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from loopbook.store.project import Project

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

DEFAULT = "market-monitor"


class Exit(IntEnum):
    """What the exit code says."""

    GOOD = 0
    FAILED = 1
    BAD_INPUT = 2
    MISSED = 3
    INTERRUPTED = 130


ScenarioOption = Annotated[
    str, typer.Option(help="A file in notebooks/scenarios, by name, or the path of a YAML file.")
]
ProfileOption = Annotated[str, typer.Option(help="smoke, standard or full.")]


@app.command()
def run(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: Annotated[
        str, typer.Option(help='Values to try: "training.epochs=3 data.rows=500"; `loopbook parameters` lists them.')
    ] = "",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Notebooks executed at once; by default one a processor.")
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(min=1, help="Seconds that a notebook may take; by default as long as it wants.")
    ] = None,
) -> None:
    """Run all notebooks of a scenario that are not up to date, and write the report."""
    from loopbook.scenario.errors import LoopbookError
    from loopbook.scenario.loading import given_values, load
    from loopbook.store.project import Project

    try:
        project = Project.find()
        given = given_values(params)
        name = str(Path(scenario).resolve()) if scenario.endswith((".yaml", ".yml")) else scenario
        resolved = load(name, project.scenarios, profile, given)
        # What a scenario alone can be refused for is refused before pandas is imported.
        from rich.console import Console

        from loopbook import preflight
        from loopbook.data import sources
        from loopbook.runner.display import Display
        from loopbook.runner.execution import Request
        from loopbook.runner.kernels import why_spawn
        from loopbook.runner.run import run as run_scenario

        console = Console(highlight=False)
        why_spawn()  # refuses a KERNELS that means nothing
        preflight.check(project, resolved)
        kind = "simulated data" if resolved.simulated else "real data"
        console.print(f"[bold]{resolved.title}[/] · {profile} · {kind}")
        source = sources.fingerprint(resolved.source, project.root, project.raw)
        with Display(console) as display:
            request = Request(project, name, resolved, profile, given, source)
            record, new = run_scenario(request, display, jobs, time_limit)
    except LoopbookError as error:
        _refuse(error)
    except KeyboardInterrupt:
        typer.secho("Interrupted. What was finished is kept; the same command goes on from there.", fg="red", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    page = _site(project, record.scenario, rebuild=new)
    if not new:
        console.print(f"Nothing to do: everything is up to date since run {record.run}.")
    for each in record.criteria:
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: "[dim]not yet tested[/]"}[each.met]
        value = (
            ""
            if each.value is None
            else f" ({each.metric} {each.value:.3g}, wanted {each.comparison} {each.threshold:g})"
        )
        console.print(f"  {mark}: ", end="")
        console.print(f"{each.text}{value}", markup=False, soft_wrap=True)
    console.print(f"Report: {page}", markup=False, soft_wrap=True)
    codes = {"good": Exit.GOOD, "missed": Exit.MISSED, "failed": Exit.FAILED}
    raise typer.Exit(codes[record.status])


@app.command()
def report() -> None:
    """Build all reports again from the records and the store."""
    from loopbook.store.project import Project

    typer.echo(f"Report: {_site(Project.find(), None, rebuild=True)}")


@app.command()
def lab() -> None:
    """Open JupyterLab on the notebooks."""
    from loopbook.store.project import Project

    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    os.execv(sys.executable, [sys.executable, "-m", "jupyter", "lab", *root, str(Project.find().notebooks)])


@app.command()
def tensorboard(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 6006,
) -> None:
    """Open TensorBoard on the training of a scenario's latest run, a line for each candidate."""
    from loopbook.scenario.errors import MissingInput
    from loopbook.store import records
    from loopbook.store.project import Project

    project = Project.find()
    latest = records.latest(project, scenario, profile)
    if latest is None:
        _refuse(
            MissingInput(f"There is no run of {scenario} in profile {profile!r} yet; type: make SCENARIO={scenario}")
        )
    events = {
        record.candidate or name: project.data / record.artifacts["events"]
        for name, record in latest.stages.items()
        if "events" in record.artifacts
    }
    named = ",".join(f"{name}:{path}" for name, path in events.items())
    os.execv(sys.executable, [sys.executable, "-m", "tensorboard.main", "--logdir_spec", named, "--port", str(port)])


@app.command()
def schema(
    output: Annotated[Path | None, typer.Argument(help="File to write; by default the screen.")] = None,
) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    import json

    from loopbook.scenario import loading

    text = json.dumps(loading.schema(), indent=2, ensure_ascii=False)
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")


@app.command()
def parameters(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: Annotated[str, typer.Option(help="Values laid over them, as in run.")] = "",
) -> None:
    """List the parameters of every notebook: the value in force, where it comes from, what it means."""
    from rich.console import Console
    from rich.table import Table

    from loopbook.scenario.errors import LoopbookError
    from loopbook.scenario.loading import given_values
    from loopbook.store.declaration import declarations
    from loopbook.store.parameters import in_force
    from loopbook.store.project import Project

    project = Project.find()
    table = Table("parameter", "value", "from", "meaning", box=None, pad_edge=False)
    try:
        given = given_values(params)
        for declared in declarations(project.notebooks).values():
            for each in in_force(declared, project.scenarios, scenario, profile, given):
                table.add_row(f"{declared.section}.{each.name}", str(each.value), each.origin, each.description)
    except LoopbookError as error:
        _refuse(error)
    Console().print(table)


@app.command()
def deliver(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    webhook: Annotated[str | None, typer.Option(help="Address to post to; by default a file is written.")] = None,
) -> None:
    """Deliver the latest run's outbox: every message once, however often this is called."""
    from loopbook.decisions import outbox
    from loopbook.scenario.errors import LoopbookError, MissingInput
    from loopbook.store import content, records
    from loopbook.store.project import Project

    project = Project.find()
    latest = records.latest(project, scenario, profile)
    paths = (
        [stage.artifacts["outbox"] for stage in latest.stages.values() if "outbox" in stage.artifacts] if latest else []
    )
    if not paths:
        _refuse(
            MissingInput(f"There is no outbox of {scenario} in profile {profile!r} yet; type: make SCENARIO={scenario}")
        )
    sent = project.state / "sent" / f"{scenario}.jsonl"
    try:
        done = outbox.deliver(content.load(project.data / paths[0]), sent, outbox.webhook(webhook) if webhook else None)
    except LoopbookError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(Exit.FAILED) from error
    typer.echo(f"Delivered {done.delivered:,} messages; {done.before:,} had been delivered before. Memory: {sent}")


@app.command()
def clean(
    everything: Annotated[bool, typer.Option(help="The store, the record of runs and the reports as well.")] = False,
) -> None:
    """Remove unfinished work and drafts; sources and feedback are never touched."""
    from loopbook.store import content
    from loopbook.store.project import Project

    project = Project.find()
    folders = [project.work, project.drafts] + ([project.store] if everything else [])
    for folder in folders:
        content.remove(folder)
        typer.echo(f"removed {folder}")
    if everything and project.reports.is_dir():
        for entry in project.reports.iterdir():
            if entry.name not in ("README.md", "pictures"):
                content.remove(entry)
        typer.echo(f"emptied {project.reports}")


def _site(project: Project, scenario: str | None, rebuild: bool) -> Path:
    from loopbook.store import records

    page = project.reports / (f"{scenario}/latest/index.html" if scenario else "index.html")
    if rebuild or not page.is_file():
        from loopbook.reports import site

        site.build(records.runs(project), project.data, project.reports, scenario, project.notebooks)
    return page if page.is_file() else project.reports / "index.html"


def _refuse(error: Exception) -> NoReturn:
    typer.secho(str(error), fg="red", err=True)
    raise typer.Exit(Exit.BAD_INPUT)
