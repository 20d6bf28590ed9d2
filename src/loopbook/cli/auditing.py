"""Commands that account for decisions: verify the log, anchor it, show, replay, forget."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loopbook.cli.program import DEFAULT, Exit, ProfileOption, ScenarioOption
from loopbook.scenario.errors import LoopbookError
from loopbook.store.project import Project

SHOWN = 50
"""Problems that are told one by one, unless all are asked for."""

audit = typer.Typer(no_args_is_help=True, help="Account for what was decided: the log of the agents that are served.")

RootOption = Annotated[
    list[Path] | None, typer.Option("--root", help="A root that was mailed, saved as a file; may be given again.")
]


@audit.command()
def key(path: Annotated[Path, typer.Argument(help="The file to write, outside the project.")]) -> None:
    """Make the key of the roots; the log's writer must not be able to read it."""
    from loopbook.decisions.audit import root_key

    root_key.make(Project.find(), path)
    typer.echo(f"Written, readable by you only: {path}\nNow: export {root_key.ADDRESS}={path.absolute()}")


@audit.command()
def verify(
    root: RootOption = None,
    everything: Annotated[bool, typer.Option("--all", help=f"Tell all problems, not only {SHOWN}.")] = False,
) -> None:
    """Find what was changed in the log, and where: the database, the files of closed days, both against the roots."""
    from loopbook.decisions.audit import days
    from loopbook.decisions.audit.verify import verify
    from loopbook.operations import auditing

    project = Project.find()
    known = auditing.anchors(project, root or ())
    with _progress("Verifying") as told:
        found = verify(auditing.opened(project), days.folder(project), known.roots, told)
    _tell(auditing.summary(found), [str(problem) for problem in found.problems], everything)


@audit.command("root")
def make_root(
    mail: Annotated[str, typer.Option(help="Addresses to mail the root to, separated by commas.")] = "",
) -> None:
    """Anchor the log: verify it, export its closed days, keep the heads of its chains beside the key, or mail them.

    Once a day is usual.
    """
    from loopbook.operations import auditing

    with _progress("Verifying") as told:
        made = auditing.make_root(Project.find(), mail, told)
    for path in made.exported:
        typer.echo(f"Closed: {path}")
    kept = f"root {made.root.number} in the journal beside the key" if made.root.number else "the root"
    typer.echo(
        f"Made {kept}{', mailed' if mail else ''}: {len(made.root.heads):,} heads, {made.root.records:,} records."
    )
    _tell(auditing.summary(made.found), [str(problem) for problem in made.found.problems], False)


@audit.command()
def show(
    id: Annotated[str, typer.Argument(help="The id of a decision, a feedback, or an act of administration.")],
    root: RootOption = None,
) -> None:
    """Show what was decided, why, by which versions, what was said about it, and where it stands in the log."""
    from loopbook.operations import audit_account, auditing

    project = Project.find()
    lines = audit_account.account(auditing.opened(project), id, auditing.anchors(project, root or ()).roots)
    if not lines:
        raise LoopbookError(f"Nothing in the log has the id {id!r}.")
    typer.echo("\n".join(lines))


@audit.command()
def champion(
    at: Annotated[str, typer.Option(help="A moment, such as 2027-01-31T12:00; without a zone it is UTC.")] = "",
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
) -> None:
    """Say which versions of model, policy, rules, data and code decided at a moment; by default now."""
    from loopbook.decisions.audit.entry import agent_name
    from loopbook.operations import audit_account, auditing

    try:
        moment = datetime.fromisoformat(at) if at else datetime.now(UTC)
    except ValueError as error:
        raise LoopbookError(f"--at {at!r} is no moment, such as 2027-01-31T12:00 or 2027-01-31T12:00+01:00.") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    agent = agent_name(scenario, profile)
    lines = audit_account.champion(auditing.opened(Project.find()), agent, moment)
    if not lines:
        raise LoopbookError(f"The log has no decision of {agent} up to {moment.isoformat()}.")
    typer.echo("\n".join(lines))


@audit.command()
def forget(
    id: Annotated[str, typer.Argument(help="The id of a decision, or of a feedback alone.")],
    by: Annotated[str | None, typer.Option(help="Who wants it, for the log; by default your login.")] = None,
) -> None:
    """Remove what came from a person, for good; digests stay, so that the log still holds."""
    from loopbook.decisions.audit import days, forgetting
    from loopbook.operations import auditing

    project = Project.find()
    done = forgetting.forget(auditing.opened(project), days.folder(project), id, by or getpass.getuser())
    lines = "".join(f", {count} in {name}" for name, count in done.lines.items())
    typer.echo(f"Forgotten: {done.payloads} payloads in the database{lines}.")
    if done.lingering:
        said = "SQLite's write-ahead log still holds it, as others are reading: type the same again."
        typer.secho(said, fg="red", err=True)
        raise typer.Exit(Exit.FAILED)
    typer.echo("Extracts that were sealed for a run, backups and mails are not reached from here.")


@audit.command()
def replay(
    id: Annotated[str, typer.Argument(help="The id of a decision; not given: a sample.")] = "",
    sample: Annotated[int, typer.Option(min=1, help="How many decisions, chosen at random.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Of the choice.")] = 0,
) -> None:
    """Decide again by the versions that the records name: same action and reasons, scores within 1e-6."""
    from loopbook.operations import auditing
    from loopbook.service import replaying

    project = Project.find()
    engine = auditing.opened(project)
    records = replaying.recorded(engine, id) if id else replaying.sample(engine, sample, seed)
    with _progress("Deciding again") as told:
        found = replaying.replay(project, records, lambda done: told(done, len(records)))
    for what, count in found.elsewhere.items():
        typer.echo(f"Other than then, for {count:,}: {what}")
    for difference in found.different[:SHOWN]:
        typer.secho(f"{difference.id} came out otherwise (then, now): {difference.facts}", fg="red", err=True)
    for why, count in found.impossible.items():
        typer.secho(f"{count:,} cannot be decided again. {why}", fg="red", err=True)
    if found.forgotten:
        typer.echo(f"{found.forgotten:,} cannot be decided again: what came from the person was forgotten.")
    typer.echo(
        f"Of {len(records):,} decisions {found.same:,} came out the same, {len(found.different):,} otherwise; "
        f"the largest difference of a number is {found.largest:.1e}."
    )
    raise typer.Exit(Exit.GOOD if found.faithful else Exit.FAILED)


def _tell(summary: list[str], problems: list[str], everything: bool) -> None:
    shown = problems if everything else problems[:SHOWN]
    for problem in shown:
        typer.secho(problem, fg="red", err=True)
    if len(problems) > len(shown):
        typer.secho(f"and {len(problems) - len(shown):,} more; --all tells them.", fg="red", err=True)
    for line in summary:
        typer.echo(line)
    if problems:
        typer.secho(f"The log does not hold: {len(problems):,} problems.", fg="red", err=True)
        raise typer.Exit(Exit.FAILED)
    typer.echo("The log holds.")


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far it is."""
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)
