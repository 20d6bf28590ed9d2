"""Commands that ask what is there: why it is stale, whether it is whole, what differs, what is set."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loopbook.cli.program import DEFAULT, Exit, ParamsOption, ProfileOption, ScenarioOption, terminal
from loopbook.operations import session
from loopbook.runner import reproduction, staleness, verification
from loopbook.scenario.loading import given_values
from loopbook.store import lookup, vault
from loopbook.store.declaration import declarations
from loopbook.store.parameters import in_force
from loopbook.store.project import Project


def why(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: ParamsOption = "",
) -> None:
    """Say of every stage whether it is fresh and, if not, which line, parameter, input or package made it stale."""

    request = session.settled(session.read(scenario, profile, params))
    latest, verdicts = staleness.why(request)
    console = terminal()
    compared = f"compared with run {latest.run}" if latest else "there is no run yet"
    console.print(f"{request.resolved.title} · {profile} · {compared}", markup=False)
    for verdict in verdicts:
        style = {"fresh": "dim", "stale": "bold red", "depends": "yellow"}[verdict.state]
        console.print(Text.assemble((f"{verdict.name:<28} ", ""), (verdict.state, style)))
        for reason in verdict.reasons:
            console.print(f"    {reason}", markup=False, soft_wrap=True)


def verify() -> None:
    """Hash the store again: name what is not as it was sealed, and end with code 1 if anything is."""

    from rich.progress import track

    project = Project.find()
    checks, expected = verification.verify(project), len(vault.folders(project.store))
    found = list(track(checks, "Hashing", total=expected, transient=True, console=Console(stderr=True)))
    wrong = [check for check in found if check.wrong]
    for place, what in ((check.place, what) for check in wrong for what in check.wrong):
        typer.secho(f"{project.data / place}: {what}", fg="red", err=True)
    typer.echo(f"Checked {len(found):,} folders and records; {len(wrong) or 'none'} of them not as sealed.")
    if wrong:
        typer.echo("Remove such a folder of data/store, and the next run makes it anew.")
        raise typer.Exit(Exit.FAILED)


def reproduce(
    run: Annotated[str, typer.Argument(help="A run's name, such as 20261124-031200, or scenario/run.")],
) -> None:
    """Run a run again from its record, in a store of its own, and compare every metric. Code 1: one differs."""

    project = Project.find()
    found = reproduction.reproduce(project, lookup.run(project, run))
    for name, metric, was, now in found.differing:
        typer.secho(f"{name} {metric}: {was} then, {now} now", fg="red")
    for name in found.artifacts:
        typer.echo(f"other content: {name}")
    for obstacle in found.obstacles:
        typer.echo(obstacle)
    outcome = "all equal" if found.equal else f"{len(found.differing)} differ"
    typer.echo(f"{found.run.scenario}/{found.run.run}: {found.compared} metrics compared, {outcome}.")
    raise typer.Exit(Exit.GOOD if found.equal else Exit.FAILED)


def compare(
    a: Annotated[str, typer.Argument(help="A run: its name, latest, scenario/profile, or scenario/sweep/point.")],
    b: Annotated[str, typer.Argument(help="The run that is compared with it.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the page; by default in the reports.")] = None,
) -> None:
    """Compare run B with run A. Code 1: B is worse beyond the noise band of repeated seeds."""
    from loopbook.operations import comparing

    worse = comparing.run(Project.find(), a, b, out, terminal(), terminal(stderr=True))
    raise typer.Exit(Exit.FAILED if worse else Exit.GOOD)


def parameters(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: Annotated[str, typer.Option(help="Values laid over them, as in run.")] = "",
) -> None:
    """List the parameters of every notebook: the value in force, where it comes from, what it means."""

    project = Project.find()
    table = Table("parameter", "value", "from", "meaning", box=None, pad_edge=False)
    given = given_values(params)
    for declared in declarations(project.notebooks).values():
        for parameter in in_force(declared, project.scenarios, scenario, profile, given):
            table.add_row(
                f"{declared.section}.{parameter.name}", str(parameter.value), parameter.origin, parameter.description
            )
    Console().print(table)
