"""The command line: parse, call, print.

Exit codes: 0 all good · 1 a notebook failed, a disk is full, or a compared run is worse · 2 the input is bad, nothing
was started · 3 a criterion was missed · 4 another nightly run is going on · 5 a nightly summary was not delivered · 130
interrupted (a signal that ends it: 128 and its number).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from loopbook.feedback.proposals import Proposal

DEFAULT = "market-monitor"


class Exit(IntEnum):
    """What the exit code says."""

    GOOD = 0
    FAILED = 1
    BAD_INPUT = 2
    MISSED = 3
    OVERLAP = 4
    UNDELIVERED = 5
    INTERRUPTED = 130


CODES = {"good": Exit.GOOD, "missed": Exit.MISSED, "failed": Exit.FAILED, "refused": Exit.BAD_INPUT}
"""By the status of a run, or of a night: the worst of its runs."""


class Plain(TyperGroup):
    """The commands; whatever one of them raises that a person can mend is told without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        # jsonschema, which nbformat checks notebooks with, would build a grammar of a second or more when it is
        # imported, for a format (iri) that no notebook has. None makes it go without, as where it is not installed.
        sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
        with _plainly():
            return super().invoke(ctx)


app = typer.Typer(cls=Plain, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

ScenarioOption = Annotated[
    str, typer.Option(help="A file in notebooks/scenarios, by name, or the path of a YAML file.")
]
ProfileOption = Annotated[str, typer.Option(help="smoke, standard or full.")]


ParamsOption = Annotated[
    str, typer.Option(help='Values to try: "training.epochs=3 data.rows=500"; `loopbook parameters` lists them.')
]
JobsOption = Annotated[int | None, typer.Option(min=1, help="Notebooks executed at once; by default one a processor.")]
TimeOption = Annotated[
    float | None, typer.Option(min=1, help="Seconds that a notebook may take; by default as long as it wants.")
]


@app.command()
def run(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: ParamsOption = "",
    jobs: JobsOption = None,
    time_limit: TimeOption = None,
) -> None:
    """Run all notebooks of a scenario that are not up to date, and write the report."""
    from rich.console import Console

    from loopbook import session

    request = session.Request.read(scenario, profile, params, jobs, time_limit)
    record = session.run(request, Console(highlight=False))
    raise typer.Exit(CODES[record.status])


@app.command()
def loop(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: ParamsOption = "",
    jobs: JobsOption = None,
    time_limit: TimeOption = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds to run, the present one included.")] = 3,
) -> None:
    """Run rounds: between two of them, what the scenario's policy may approve is approved."""
    from rich.console import Console

    from loopbook import session

    request = session.Request.read(scenario, profile, params, jobs, time_limit)
    from loopbook import rounds as way_round

    record = way_round.loop(request, rounds, Console(highlight=False))
    raise typer.Exit(CODES[record.status])


@app.command()
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
    from rich.console import Console

    from loopbook import session

    common = session.Request.read(scenario, profile, params, jobs, time_limit)
    from loopbook import sweeping

    request = sweeping.Request.read(common, grid, engine, dask or None)
    record = sweeping.run(request, Console(highlight=False))
    raise typer.Exit(CODES[record.status])


@app.command()
def approve(
    which: Annotated[
        list[str] | None, typer.Argument(help="all, safe, none, or ids of proposals; nothing: list them.")
    ] = None,
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: ParamsOption = "",
    by: Annotated[str | None, typer.Option(help="Who approves, for the report; by default your login.")] = None,
    undo: Annotated[
        bool, typer.Option(help="Take back the last approval: the round before is the current one.")
    ] = False,
) -> None:
    """Approve what the latest run proposes; the next run carries it. Without arguments: list the proposals."""
    import getpass

    from rich.console import Console

    from loopbook import session
    from loopbook.scenario.errors import LoopbookError
    from loopbook.store import snapshots

    console = Console(highlight=False)
    request = session.Request.read(scenario, profile, params)
    from loopbook import rounds

    project, resolved = request.project, request.resolved
    if undo:
        if which:
            raise LoopbookError("--undo takes back the whole last approval; leave out what to approve.")
        back = snapshots.withdraw(project, resolved.name, profile)
        console.print(f"Taken back: round {back.round}." if back else "This is round 0: nothing was approved yet.")
        return
    if not which:
        run, found = rounds.proposed(project, resolved.name, profile)
        _show(console, f"{resolved.title} · {profile} · round {run.round} proposes", found)
        return
    before = snapshots.current(project, resolved.name, profile)
    chosen = which[0] if which[0] in ("all", "safe", "none") and len(which) == 1 else which
    sealed = rounds.approve(project, resolved, profile, chosen, by or getpass.getuser())  # type: ignore[arg-type]
    if sealed is None:
        console.print("Nothing new was approved, so nothing changes.")
        return
    for one in sealed.approved:
        if one["round"] == sealed.round:
            console.print(f"approved {one['id']}: {one['title']}", markup=False, soft_wrap=True)
    if sealed.window == before.window:
        console.print(
            "There is no fresh window: the next run judges what was approved on the rows that it was learned from, and "
            "approved labels of these rows wait. Windows for later rounds are set before the first approval: "
            "data.splits.windows, with data.splits.held_back or source.later_days."
        )
    console.print(f"Round {sealed.round} begins: make SCENARIO={resolved.name} PROFILE={profile}")


@app.command()
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
    from rich.console import Console

    from loopbook.nightly import batch, delivery
    from loopbook.store.project import Project

    names = [name.strip() for given in scenario for name in given.split(",") if name.strip()]
    project = Project.find()
    ways = delivery.Delivery.to(summary, webhook, mail)
    try:
        with batch.alone(project):
            night = batch.run(project, names, profile, Console(highlight=False), jobs, keep_days)
            undelivered = ways.deliver(night)
    except batch.Overlap as overlap:
        typer.secho(str(overlap), fg="red", err=True)
        raise typer.Exit(Exit.OVERLAP) from overlap
    typer.echo(f"\n{night.text()}")
    for way, reason in undelivered.items():
        typer.secho(f"The summary was not delivered by {way}: {reason}. The runs are kept.", fg="red", err=True)
    raise typer.Exit(Exit.UNDELIVERED if undelivered else CODES[night.status])


@app.command()
def why(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: ParamsOption = "",
) -> None:
    """Say of every stage whether it is fresh and, if not, which line, parameter, input or package made it stale."""
    from rich.console import Console
    from rich.text import Text

    from loopbook import session

    request = session.Request.read(scenario, profile, params)
    from loopbook.runner import staleness

    latest, verdicts = staleness.why(request.asked())
    console = Console(highlight=False)
    compared = f"compared with run {latest.run}" if latest else "there is no run yet"
    console.print(f"{request.resolved.title} · {profile} · {compared}", markup=False)
    for each in verdicts:
        style = {"fresh": "dim", "stale": "bold red", "depends": "yellow"}[each.state]
        console.print(Text.assemble((f"{each.name:<28} ", ""), (each.state, style)))
        for reason in each.reasons:
            console.print(f"    {reason}", markup=False, soft_wrap=True)


@app.command()
def verify() -> None:
    """Hash the store again: name what is not as it was sealed, and end with code 1 if anything is."""
    from rich.console import Console
    from rich.progress import track

    from loopbook.runner import verification
    from loopbook.store import vault
    from loopbook.store.project import Project

    project = Project.find()
    expected = len(vault.folders(project.store))
    checks = track(
        verification.verify(project), "Hashing", total=expected, transient=True, console=Console(stderr=True)
    )
    found = list(checks)
    wrong = [each for each in found if each.wrong]
    for each in wrong:
        for what in each.wrong:
            typer.secho(f"{project.data / each.place}: {what}", fg="red", err=True)
    typer.echo(f"Checked {len(found):,} folders and records; {len(wrong) or 'none'} of them not as sealed.")
    older = sum(not each.whole for each in found)
    if older:
        typer.echo(f"Of {older:,} that an older version sealed, only the content of the artifacts could be checked.")
    if wrong:
        typer.echo("Remove such a folder of data/store, and the next run makes it anew.")
        raise typer.Exit(Exit.FAILED)


@app.command()
def reproduce(
    run: Annotated[str, typer.Argument(help="A run's name, such as 20261124-031200, or scenario/run.")],
) -> None:
    """Run a run again from its record, in a store of its own, and compare every metric. Code 1: one differs."""
    from loopbook.runner import reproduction
    from loopbook.store import lookup
    from loopbook.store.project import Project

    project = Project.find()
    found = reproduction.reproduce(project, lookup.run(project, run))
    for name, metric, was, now in found.differing:
        typer.secho(f"{name} {metric}: {was} then, {now} now", fg="red")
    for each in found.artifacts:
        typer.echo(f"other content: {each}")
    for each in found.obstacles:
        typer.echo(each)
    outcome = "all equal" if found.equal else f"{len(found.differing)} differ"
    typer.echo(f"{found.run.scenario}/{found.run.run}: {found.compared} metrics compared, {outcome}.")
    raise typer.Exit(Exit.GOOD if found.equal else Exit.FAILED)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="A run: its name, latest, scenario/profile, or scenario/sweep/point.")],
    b: Annotated[str, typer.Argument(help="The run that is compared with it.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the page; by default in the reports.")] = None,
) -> None:
    """Compare run B with run A. Code 1: B is worse beyond the noise band of repeated seeds."""
    from rich.console import Console

    from loopbook.comparison import session
    from loopbook.store.project import Project

    worse = session.run(Project.find(), a, b, out, Console(highlight=False))
    raise typer.Exit(Exit.FAILED if worse else Exit.GOOD)


@app.command()
def gc(
    days: Annotated[
        float | None, typer.Option(min=0, help="Runs older than this leave, and outputs that none names.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Of outputs that no run names the newest stay, up to this: 5GB, 500MB.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would leave, and take nothing away.")] = False,
) -> None:
    """Remove old runs with their reports, and outputs that no remaining run names; data/state is never touched."""
    from loopbook import session
    from loopbook.runner import retention
    from loopbook.store.project import Project

    rule, told = retention.Rule.read(days, size)
    project = Project.find()
    left = retention.retain(project, rule, dry=dry_run)
    for run in left.runs:
        typer.echo(f"{'would remove' if dry_run else 'removed'} {run.scenario} {run.run} ({run.profile}, {run.status})")
    if left.runs and not dry_run:
        session.report(project, None, rebuild=True)
    typer.echo(f"{'Would have p' if dry_run else 'P'}{left.told(told)[1:]}")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The agent's name: small letters, digits, hyphens.")],
    file: Annotated[Path, typer.Argument(help="A csv file with a label and inputs.")],
    label: Annotated[str, typer.Option(help="The column to predict; not given: guessed.")] = "",
    no_run: Annotated[bool, typer.Option("--no-run", help="Write the scenario and run nothing.")] = False,
) -> None:
    """Begin an agent from a csv file: guess a scenario, run it in smoke, and say what to edit next."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from loopbook.starter import beginning
    from loopbook.store.project import Project

    console = Console(highlight=False)
    begun = beginning.begin(Project.find(), name, file, label or None, lambda what: console.print(Text(what)))
    table = Table("what", "guess", "why", box=None, pad_edge=False)
    for row in begun.guesses:
        table.add_row(*map(Text, row))
    console.print(table)
    if begun.copied is not None:
        console.print(f"Copied to {begun.copied}, readable by you only.", markup=False, soft_wrap=True)
    console.print(f"Written: {begun.path}", markup=False, soft_wrap=True)
    code = Exit.GOOD
    if not no_run:
        try:
            with _plainly():  # what to edit is said whatever the run says
                run(name, "smoke")
        except typer.Exit as done:
            code = Exit(done.exit_code)
    console.print("Edit next, the least sure first:")
    for step in begun.next:
        console.print(f"  {step}", markup=False, soft_wrap=True)
    console.print(f"Then: make SCENARIO={name}", markup=False, soft_wrap=True)
    raise typer.Exit(code)


@app.command()
def report() -> None:
    """Build all reports again from the records and the store."""
    from loopbook import session
    from loopbook.store.project import Project

    typer.echo(f"Report: {session.report(Project.find(), None, rebuild=True)}")


@app.command()
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
    from loopbook.store import lookup
    from loopbook.store.project import Project

    project = Project.find()
    found = lookup.run(project, run)
    from rich.console import Console

    from loopbook.reports import share as sharing

    with Console(stderr=True).status(f"Making the pages of {found.title} and searching every text in them"):
        done = sharing.share(project, found, html, out, allow or ())
    nothing = "nothing was found but what you allowed" if allow else "no personal data found"
    typer.echo(f"{found.title}, run {found.run}: {done.texts:,} texts searched, {nothing}.")
    pixels = done.searched.pixels
    typer.echo(
        f"{pixels} pictures of pixels could not be searched: look at them." if pixels else "No picture of pixels in it."
    )
    if done.searched.missing:
        typer.echo(f"Not in it (not executed, or no longer in the store): {', '.join(done.searched.missing)}.")
    typer.echo(f"Shared: {done.path} ({done.size / 1e6:.1f} MB)")


@app.command()
def doctor(
    json: Annotated[bool, typer.Option("--json", help="All findings as JSON, for programs.")] = False,
) -> None:
    """Say what is wrong with this machine, and the remedy."""
    os.execv(sys.executable, [sys.executable, "-m", "loopbook.setup.doctor", *(["--json"] if json else [])])


@app.command()
def lab() -> None:
    """Open JupyterLab on the notebooks."""
    from loopbook.store.project import Project

    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    os.execv(sys.executable, [sys.executable, "-m", "jupyter", "lab", *root, str(Project.find().notebooks)])


@app.command()
def debug(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    lab: Annotated[bool, typer.Option(help="Start JupyterLab on it; --no-lab writes it and prints its path.")] = True,
) -> None:
    """Open the notebook that failed in the latest run, with its parameters and inputs, at the cell that failed."""
    from loopbook.runner import debugging
    from loopbook.store.project import Project

    found = debugging.failed(Project.find(), scenario, profile)
    if not found:
        typer.echo(f"Nothing failed in the latest run of {scenario} in profile {profile!r}; nothing is to be debugged.")
        return
    for each in found:
        typer.echo(f"{each.name}: {each.error.kind}: {each.error.message.strip().partition(chr(10))[0]}")
        typer.echo(f"  {each.path}")
    if lab:
        import webbrowser

        with found[0].lab() as server:
            address = found[0].address(server)
            typer.echo(f"\nOpen {found[0].name} at the cell that failed (Ctrl-C ends JupyterLab):\n  {address}\n")
            if address is not None:
                webbrowser.open(address)
            raise typer.Exit(server.wait())


@app.command()
def tensorboard(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    sweep: Annotated[str, typer.Option(help="A sweep's name: its points in HParams, instead.")] = "",
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 6006,
) -> None:
    """Open TensorBoard on the training of a scenario's latest run, a line for each candidate; or on a sweep."""
    from loopbook.scenario.errors import MissingInput
    from loopbook.store import records
    from loopbook.store.project import Project

    project = Project.find()
    if sweep:
        from loopbook import sweeping

        place = sweeping.logged(project, scenario, sweep)
        os.execv(
            sys.executable,
            [sys.executable, "-m", "tensorboard.main", "--logdir", str(place), "--port", str(port)],
        )
    latest = records.latest(project, scenario, profile)
    if latest is None:
        raise MissingInput(f"There is no run of {scenario} in profile {profile!r} yet; type: make SCENARIO={scenario}")
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

    from loopbook.scenario.loading import given_values
    from loopbook.store.declaration import declarations
    from loopbook.store.parameters import in_force
    from loopbook.store.project import Project

    project = Project.find()
    table = Table("parameter", "value", "from", "meaning", box=None, pad_edge=False)
    given = given_values(params)
    for declared in declarations(project.notebooks).values():
        for each in in_force(declared, project.scenarios, scenario, profile, given):
            table.add_row(f"{declared.section}.{each.name}", str(each.value), each.origin, each.description)
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
    from loopbook.webhook import sender

    project = Project.find()
    latest = records.latest(project, scenario, profile)
    paths = (
        [stage.artifacts["outbox"] for stage in latest.stages.values() if "outbox" in stage.artifacts] if latest else []
    )
    if not paths:
        raise MissingInput(
            f"There is no outbox of {scenario} in profile {profile!r} yet; type: make SCENARIO={scenario}"
        )
    sent = project.state / "sent" / f"{scenario}.jsonl"
    try:
        done = outbox.deliver(content.load(project.data / paths[0]), sent, sender(webhook) if webhook else None)
    except LoopbookError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(Exit.FAILED) from error
    typer.echo(f"Delivered {done.delivered:,} messages; {done.before:,} had been delivered before. Memory: {sent}")


@app.command()
def clean(
    everything: Annotated[bool, typer.Option(help="The store, the record of runs and the reports as well.")] = False,
) -> None:
    """Remove unfinished work and drafts; sources and feedback are never touched."""
    from loopbook.runner.ongoing import ongoing
    from loopbook.scenario.errors import LoopbookError
    from loopbook.store import content
    from loopbook.store.project import Project

    project = Project.find()
    running = ongoing(project)
    if running:
        told = ", ".join(f"{each.scenario} {each.run}" for each in running)
        raise LoopbookError(f"Runs are in progress, and this is what they work on: {told}. Clean when they ended.")
    folders = [project.work, project.drafts, project.reproduced, project.cache] + (
        [project.store] if everything else []
    )
    for folder in folders:
        content.remove(folder)
        typer.echo(f"removed {folder}")
    if everything and project.reports.is_dir():
        for entry in project.reports.iterdir():
            if entry.name not in ("README.md", "pictures"):
                content.remove(entry)
        typer.echo(f"emptied {project.reports}")


def _show(console: Console, title: str, found: Sequence[Proposal]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("id", "safe", "what", "why", title=title, box=None, pad_edge=False, title_justify="left")
    for one in found:
        table.add_row(one.id, "yes" if one.safe else "no", Text(one.title), Text(one.caution or one.reason))
    console.print(table if found else "Nothing is proposed.")


@contextmanager
def _plainly() -> Iterator[None]:
    """Say what is wrong in a sentence and by exit code, without a traceback."""
    from loopbook.scenario.errors import LoopbookError
    from loopbook.store import room
    from loopbook.store.project import Project

    try:
        yield
    except (LoopbookError, OSError) as error:
        if room.is_full(error):
            place = Path(getattr(error, "filename", None) or Project.find().data)
            typer.secho(str(error) if isinstance(error, room.DiskFull) else room.remedy(place), fg="red", err=True)
            raise typer.Exit(Exit.FAILED) from error
        if isinstance(error, OSError):
            raise
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(Exit.BAD_INPUT) from error
    except KeyboardInterrupt:
        typer.secho("Interrupted. What was finished is kept; the same command goes on from there.", fg="red", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
