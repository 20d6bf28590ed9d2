"""Commands that show: reports, a file to hand on, JupyterLab, TensorBoard."""

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from loopbook.cli.program import DEFAULT, ProfileOption, ScenarioOption, terminal
from loopbook.operations import session
from loopbook.runner import debugging
from loopbook.scenario.errors import MissingInput
from loopbook.store import lookup, records, vault
from loopbook.store.project import Project

_TENSORBOARD = (
    "import sys; sys.modules['tensorboard.compat.notf'] = sys; from tensorboard.main import run_main; run_main()"
)
"""TensorBoard without TensorFlow, which it needs only for files in clouds: no notes of its start, five seconds less."""


def report() -> None:
    """Build all reports again from the records and the store."""

    typer.echo(f"Report: {session.report(Project.find(), None, rebuild=True)}")


def share(
    run: Annotated[
        str, typer.Argument(help="A run's name, scenario/run, scenario/profile (its newest good run), or latest.")
    ] = "latest",
    html: Annotated[bool, typer.Option("--html", help="One self-contained HTML file instead of a zip.")] = False,
    out: Annotated[Path | None, typer.Option(help="File to write; by default in reports/shared.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="A text that may leave although it is found; repeat it for several.")
    ] = None,
) -> None:
    """Write a run's report into one file to hand on, unless personal data is found in it: then nothing, code 2."""

    project = Project.find()
    found = lookup.run(project, run)

    from loopbook.privacy import personal_data
    from loopbook.reports import share as sharing

    with terminal(stderr=True).status(f"Making the pages of {found.title} and searching every text in them"):
        done = sharing.share(project, found, html, out, allow or ())
    nothing = "nothing was found but what you allowed" if allow else "nothing was found"
    searched = f"searched for {personal_data.IN_WORDS}, and for paths and names of this machine: {nothing}"
    typer.echo(f"{found.title}, run {found.run}: {done.texts:,} texts {searched}.")
    pixels = done.pixels
    typer.echo(
        f"{pixels} pictures of pixels could not be searched: look at them." if pixels else "No picture of pixels in it."
    )
    if done.missing:
        typer.echo(f"Not in it (not executed, or no longer in the store): {', '.join(done.missing)}.")
    typer.echo(f"Shared: {done.path} ({done.size / 1e6:.1f} MB)")


def lab() -> None:
    """Open JupyterLab on the notebooks; it asks nobody for news or updates."""

    _be(
        "-m",
        "jupyter",
        "lab",
        *debugging.QUIET,
        *(["--allow-root"] if os.geteuid() == 0 else []),
        str(Project.find().notebooks),
    )


def debug(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    lab: Annotated[bool, typer.Option(help="Start JupyterLab on it; --no-lab writes it and prints its path.")] = True,
) -> None:
    """Open the notebook that failed in the latest run, with its parameters and inputs, at the cell that failed."""

    found = debugging.failed(Project.find(), scenario, profile)
    if not found:
        typer.echo(f"Nothing failed in the latest run of {scenario} in profile {profile!r}; nothing is to be debugged.")
        return
    for notebook in found:
        typer.echo(f"{notebook.name}: {notebook.error.line}\n  {notebook.path}")
    if lab:
        with found[0].lab() as server:
            address = found[0].address(server)
            typer.echo(f"\nOpen {found[0].name} at the cell that failed (Ctrl-C ends JupyterLab):\n  {address}\n")
            if address is not None:
                webbrowser.open(address)
            raise typer.Exit(server.wait())


def tensorboard(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    sweep: Annotated[str, typer.Option(help="A sweep's name: its points in HParams, instead.")] = "",
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 6006,
) -> None:
    """Open TensorBoard on a scenario's latest run: candidates, and the search's trials in HParams; or on a sweep."""

    project = Project.find()
    if sweep:
        from loopbook.operations import sweeping

        _be("-c", _TENSORBOARD, "--logdir", str(sweeping.logged(project, scenario, sweep)), "--port", str(port))
    latest = records.latest(project, scenario, profile)
    if latest is None:
        raise MissingInput(f"There is no run of {scenario} in profile {profile!r} yet; type: make SCENARIO={scenario}")
    events = {
        record.candidate or name: kept
        for name, record in latest.stages.items()
        for artifact in ("events", "trials")
        if artifact in record.artifacts and (kept := vault.kept(project.data / record.artifacts[artifact]))
    }
    if not events:
        raise MissingInput(f"Run {latest.run} of {scenario} has no events to show; type: make SCENARIO={scenario}")
    named = ",".join(f"{name}:{path}" for name, path in events.items())
    _be("-c", _TENSORBOARD, "--logdir_spec", named, "--port", str(port))


def _be(*words: str) -> NoReturn:
    os.execv(sys.executable, [sys.executable, *words])
