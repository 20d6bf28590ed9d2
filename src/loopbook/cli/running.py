"""Commands that run notebooks: once, in rounds, over a grid, every night."""

from pathlib import Path
from typing import Annotated

import typer

from loopbook.cli.program import (
    CODES,
    DEFAULT,
    Exit,
    JobsOption,
    ParamsOption,
    ProfileOption,
    ScenarioOption,
    TimeOption,
    ended,
    terminal,
)
from loopbook.operations import session
from loopbook.store.project import Project


def run(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: ParamsOption = "",
    jobs: JobsOption = None,
    time_limit: TimeOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that train each network together, as training.workers=2.")
    ] = None,
) -> None:
    """Run all notebooks of a scenario that are not up to date, and write the report.

    Where TF_CONFIG names several machines, the first of them does, and the others train with it.
    """
    from loopbook.operations import machines

    raise ended(machines.run(scenario, profile, params, terminal(), jobs, time_limit, workers))


def loop(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: ParamsOption = "",
    jobs: JobsOption = None,
    time_limit: TimeOption = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds to run, the present one included.")] = 3,
) -> None:
    """Run rounds: between two of them, what the scenario's policy may approve is approved."""
    from loopbook.operations import rounds as operation

    request = session.read(scenario, profile, params)
    raise ended(operation.loop(request, rounds, terminal(), jobs, time_limit).status)


def sweep(
    grid: Annotated[
        str, typer.Option(help='Values to combine: "training.architecture=cnn,lstm training.seed=1:5" (both ends).')
    ] = "",
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: ParamsOption = "",
    engine: Annotated[str, typer.Option(help="local, or dask: an existing cluster that shares this folder.")] = "local",
    dask: Annotated[str, typer.Option(help="Address of the Dask scheduler: tcp://host:8786.")] = "",
    jobs: JobsOption = None,
    time_limit: TimeOption = None,
) -> None:
    """Run every point of a grid, sharing all that is equal, and write a page that compares them."""
    from loopbook.operations import sweeping

    request = session.read(scenario, profile, params)
    record = sweeping.run(request, grid, terminal(), engine, dask or None, jobs, time_limit)
    raise ended(record.status)


def ablation(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: ParamsOption = "",
    limit: Annotated[
        float | None, typer.Option(min=0.0001, help="Hours of processor time; by default as the scenario says.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that fit side by side.")] = 1,
    out: Annotated[Path | None, typer.Option(help="File for the table as Markdown.")] = None,
) -> None:
    """Measure every technique with and without, on folds that nothing was chosen on, and write one table."""
    from loopbook.operations import ablating

    given = f"{params} ablation.limit={limit}" if limit else params
    console = terminal()
    page = ablating.run(session.read(scenario, profile, given), console, jobs, out)
    console.print(f"Report: {page}", markup=False, soft_wrap=True)


def nightly(
    scenario: Annotated[list[str], typer.Option(help="As in run; repeat it, or separate several by commas.")] = [  # noqa: B006
        DEFAULT
    ],
    profile: ProfileOption = "standard",
    summary: Annotated[
        Path | None, typer.Option(help="File for the summary: text, and JSON beside it (.json: the other way round).")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(envvar="LOOPBOOK_WEBHOOK", help="Address that the summary is posted to, as JSON.")
    ] = None,
    mail: Annotated[
        str | None, typer.Option(help="Mail addresses, separated by commas; the server comes from LOOPBOOK_SMTP_HOST.")
    ] = None,
    keep_days: Annotated[float | None, typer.Option(min=0, help="Prune runs that are older; by default none.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Notebooks executed at once, as in run.")] = None,
) -> None:
    """Run scenarios unattended and deliver one summary. Codes: the worst run's, 4 overlap, 5 not delivered."""
    from loopbook.operations import delivery, night

    names = [name.strip() for given in scenario for name in given.split(",") if name.strip()]
    project = Project.find()
    ways = delivery.ways(summary, webhook, mail)
    try:
        with night.alone(project):
            tonight = night.run(project, names, profile, terminal(), jobs, keep_days)
            undelivered = delivery.deliver(tonight, ways)
    except night.Overlap as overlap:
        typer.secho(str(overlap), fg="red", err=True)
        raise typer.Exit(Exit.OVERLAP) from overlap
    typer.echo(f"\n{tonight.text()}")
    for way, reason in undelivered.items():
        typer.secho(f"The summary was not delivered by {way}: {reason}. The runs are kept.", fg="red", err=True)
    raise typer.Exit(Exit.UNDELIVERED if undelivered else CODES[tonight.status])
