"""Commands that begin an agent, and keep the project and this machine in order."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from loopbook.cli import running
from loopbook.cli.program import DEFAULT, Exit, ParamsOption, ProfileOption, ScenarioOption, plainly, terminal
from loopbook.operations import session
from loopbook.runner import retention
from loopbook.runner.ongoing import ongoing
from loopbook.scenario.errors import LoopbookError
from loopbook.store import content
from loopbook.store.project import Project


def new(
    name: Annotated[str, typer.Argument(help="The agent's name: small letters, digits, hyphens.")],
    file: Annotated[Path, typer.Argument(help="A csv, JSON or Parquet file with a label and inputs.")],
    label: Annotated[str, typer.Option(help="The column to predict; not given: guessed.")] = "",
    task: Annotated[
        str, typer.Option(help="binary, multiclass, ordinal, number, ranking or anomaly; else guessed.")
    ] = "",
    items: Annotated[Path | None, typer.Option(help="Of a ranking: a file of the items, with their texts.")] = None,
    users: Annotated[Path | None, typer.Option(help="Of a ranking: a file of the users.")] = None,
    no_run: Annotated[bool, typer.Option("--no-run", help="Write the scenario and run nothing.")] = False,
) -> None:
    """Begin an agent from a file: guess a scenario, run it in smoke, and say what to edit next."""

    from loopbook.starter import beginning, ranking, sensors

    console = terminal()

    def say(what: str) -> None:
        console.print(Text(what))

    tables = {part: path for part, path in (("items", items), ("users", users)) if path and path != Path()}
    if tables and task not in ("", "ranking"):
        raise LoopbookError(
            f"ITEMS and USERS begin a ranking, and the task is {task!r}. Begin with FILE alone; then add the other "
            "file to the scenario as source.tables, with its key, and its columns to task.fields."
        )
    if tables or task == "ranking":
        begun = ranking.begin(Project.find(), name, {"rows": file, **tables}, label or None, say)
    elif task == "anomaly":
        begun = sensors.begin(Project.find(), name, file, label or None, say)
    else:
        begun = beginning.begin(Project.find(), name, file, label or None, say, beginning.reading_of(task))
    if begun.doubts:
        console.print("Please check first:")
        for doubt in begun.doubts:
            console.print(f"  {doubt}", markup=False, soft_wrap=True)
    table = Table("what", "guess", "why", box=None, pad_edge=False)
    for row in begun.guesses:
        table.add_row(*map(Text, row))
    console.print(table)
    if begun.readings:
        console.print("The label could also be read as:")
        for what, command in begun.readings:
            console.print(f"  {what}\n    {command}", markup=False, soft_wrap=True)
    for copied in begun.copied:
        console.print(f"Copied to {copied}, readable by you only.", markup=False, soft_wrap=True)
    console.print(f"Written: {begun.path}", markup=False, soft_wrap=True)
    code = Exit.GOOD
    if not no_run:
        try:
            with plainly():  # what to edit is said whatever the run says
                running.run(name, "smoke")
        except typer.Exit as done:
            code = Exit(done.exit_code)
    console.print("Edit next, the least sure first:")
    for step in begun.next:
        console.print(f"  {step}", markup=False, soft_wrap=True)
    console.print(f"Then: make SCENARIO={name}", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def fetch(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: ParamsOption = "",
) -> None:
    """Fetch what a scenario's feeds or web pages have now, politely; a run reads what was saved and asks nobody."""

    from loopbook.data.web import fetching
    from loopbook.scenario.source import CrawlSource, FeedSource

    request, console = session.read(scenario, profile, params), terminal()
    source = request.resolved.source
    if not isinstance(source, FeedSource | CrawlSource):
        raise LoopbookError(f"{scenario} has a source of kind {source.kind}, which each run reads by itself.")
    with console.status(Text("fetching; Ctrl-C ends it, and the same command goes on")) as status:
        told = (lambda line: status.update(Text(line))) if console.is_terminal else console.print
        fetched = fetching.fetch(source, request.project.raw, told)
    for line in fetching.describe(fetched):
        console.print(line, markup=False, soft_wrap=True)
    if not fetched.good:
        raise LoopbookError("Nothing came of any address. What servers answered stands above.")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="All findings as JSON, for programs.")] = False,
) -> None:
    """Say what is wrong with this machine, and the remedy."""
    os.execv(sys.executable, [sys.executable, "-m", "loopbook.setup.doctor", *(["--json"] if as_json else [])])


def schema(
    output: Annotated[Path | None, typer.Argument(help="File to write; by default the screen.")] = None,
) -> None:
    """Print the JSON Schema of scenario files, for editors."""

    from loopbook.operations import scenario_schema

    text = json.dumps(scenario_schema.schema(), indent=2, ensure_ascii=False)
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text + "\n", encoding="utf-8")


def gc(
    days: Annotated[
        float | None, typer.Option(min=0, help="Runs older than this leave, and outputs that none names.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Of outputs that no run names the newest stay, up to this: 5GB, 500MB.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would leave, and take nothing away.")] = False,
) -> None:
    """Remove old runs with their reports, outputs that no remaining run names, and raw files whose time is over."""

    from loopbook.operations import auditing, raw_retention

    project, no_rule = Project.find(), days is None and size is None
    rule, wanted = (None, "") if no_rule else retention.Rule.read(days, size)  # refused before anything is removed
    for line in raw_retention.retire(project, dry=dry_run).told(dry_run):
        typer.echo(line)
    if rule is None:
        typer.echo("Runs and outputs stay: say what may leave by --days 30 (what is older), --size 5GB, or both.")
        return
    left = retention.retain(project, rule, named=auditing.named_runs(project), dry=dry_run)
    for run in left.runs:
        typer.echo(f"{'would remove' if dry_run else 'removed'} {run.scenario} {run.run} ({run.profile}, {run.status})")
    if left.runs and not dry_run:
        session.report(project, None, rebuild=True)
    typer.echo(f"{'Would have p' if dry_run else 'P'}{left.told(wanted)[1:]}")


def clean(
    everything: Annotated[bool, typer.Option(help="The store, the record of runs and the reports as well.")] = False,
) -> None:
    """Remove unfinished work and drafts; sources and feedback are never touched."""

    project = Project.find()
    working = ", ".join(f"{run.scenario} {run.run}" for run in ongoing(project))
    if working:
        raise LoopbookError(f"Runs are in progress, and this is what they work on: {working}. Clean when they ended.")
    for folder in (
        project.work,
        project.drafts,
        project.reproduced,
        project.cache,
        *([project.store] if everything else []),
    ):
        content.remove(folder)
        typer.echo(f"removed {folder}")
    if everything and project.reports.is_dir():
        for entry in project.reports.iterdir():
            if entry.name not in ("README.md", "pictures"):
                content.remove(entry)
        typer.echo(f"emptied {project.reports}")
