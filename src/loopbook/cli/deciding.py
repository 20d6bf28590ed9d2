"""Commands by which somebody decides: what is approved, what is sent."""

import getpass
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from loopbook.cli.program import DEFAULT, Exit, ParamsOption, ProfileOption, ScenarioOption, terminal
from loopbook.operations import session
from loopbook.scenario.errors import LoopbookError
from loopbook.store import snapshots
from loopbook.store.project import Project


def approve(
    which: Annotated[
        list[str] | None, typer.Argument(help="all, safe, none, or ids of proposals; nothing: list them.")
    ] = None,
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: ParamsOption = "",
    by: Annotated[str | None, typer.Option(help="Who approves, for the report; by default your login.")] = None,
    refuse: Annotated[
        bool, typer.Option(help="Refuse these instead: they are not proposed as new again; needs --reason.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks next.")] = "",
    undo: Annotated[
        bool, typer.Option(help="Take back the last approval: the round before is the current one.")
    ] = False,
) -> None:
    """Approve what the latest run proposes; the next run carries it. Without arguments: list the proposals."""

    from loopbook.feedback import approval
    from loopbook.operations import refusals, rounds

    console = terminal()
    request = session.read(scenario, profile, params)
    project, resolved = request.project, request.resolved
    if undo:
        if which:
            raise LoopbookError("--undo takes back the whole last approval; leave out what to approve.")
        back = snapshots.withdraw(project, resolved.name, profile)
        console.print(f"Taken back: round {back.round}." if back else "This is round 0: nothing was approved yet.")
        return
    if not which:
        run, found = rounds.proposed(project, resolved.name, profile)
        new = rounds.pending(project, resolved.name, profile, run, found)
        refused = refusals.standing(project, resolved.name, profile)
        title = f"{resolved.title} · {profile} · round {run.round} proposes"
        table = Table("id", "safe", "what", "why", title=title, box=None, pad_edge=False, title_justify="left")
        for proposal in found:
            safe = ("yes" if proposal.safe else "no") if proposal.id in new else "approved already"
            said = refused.get(proposal.id) if proposal.id in new else None
            why = f"{said.by}: {said.reason}" if said else proposal.caution or proposal.reason
            table.add_row(proposal.id, "refused" if said else safe, Text(proposal.title), Text(why))
        console.print(table if found else "Nothing is proposed.")
        return
    if refuse:
        run, found = rounds.proposed(project, resolved.name, profile)
        for proposal in approval.chosen(found, which):
            refusals.refuse(project, run, proposal, by or getpass.getuser(), reason)
            console.print(f"refused {proposal.id}: {proposal.title}", markup=False, soft_wrap=True)
        return
    before = snapshots.current(project, resolved.name, profile)
    chosen = which[0] if which[0] in ("all", "safe", "none") and len(which) == 1 else which
    who, told = by or getpass.getuser(), dict.fromkeys(which, reason)
    sealed = rounds.approve(project, resolved, profile, chosen, who, told)  # type: ignore[arg-type]
    if sealed is None:
        console.print("Nothing new was approved, so nothing changes.")
        return
    for approved in sealed.approved:
        if approved["round"] == sealed.round:
            console.print(f"approved {approved['id']}: {approved['title']}", markup=False, soft_wrap=True)
    if sealed.window == before.window:
        console.print(
            "There is no fresh window: the next run judges what was approved on the rows that it was learned from, and "
            "approved labels of these rows wait. Windows for later rounds are set before the first approval: "
            "data.splits.windows, with data.splits.held_back or source.later_days."
        )
    console.print(f"Round {sealed.round} begins: make SCENARIO={resolved.name} PROFILE={profile}")


def deliver(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    webhook: Annotated[str | None, typer.Option(help="Address to post to; by default a file is written.")] = None,
) -> None:
    """Deliver the latest run's outbox: every message once, however often this is called."""
    from loopbook.operations import outbox_delivery
    from loopbook.operations.webhook import sender

    project = Project.find()
    waiting, sent = outbox_delivery.latest(project, scenario, profile), project.state / "sent" / f"{scenario}.jsonl"
    try:
        delivered, before = outbox_delivery.deliver(waiting, sent, sender(webhook) if webhook else None)
    except LoopbookError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(Exit.FAILED) from error
    typer.echo(f"Delivered {delivered:,} messages; {before:,} had been delivered before. Memory: {sent}")


def incidents(
    what: Annotated[str, typer.Argument(help="list, ack or silence.")] = "list",
    incident: Annotated[str, typer.Argument(help="The incident's id.")] = "",
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    until: Annotated[str, typer.Option(help="silence: the last day, such as 2027-01-31.")] = "",
    reason: Annotated[str, typer.Option(help="silence: why, for whoever looks next.")] = "",
    by: Annotated[str | None, typer.Option(help="Who says so; by default your login.")] = None,
) -> None:
    """List the latest run's incidents, acknowledge one, or silence one until a day: it is sent to nobody."""
    from loopbook.operations import incidents as told
    from loopbook.store import records

    project, console = Project.find(), terminal()
    run = records.latest(project, scenario, profile)
    if what == "list":
        for line in told.unreadable(project, scenario):
            typer.echo(line, err=True)
        table = Table("id", "state", "since", "peak", "until", "what", "note", box=None, pad_edge=False)
        found = told.known(project, run)
        for one in found:
            table.add_row(
                *(Text(part) for part in (one.id, one.state, one.since, one.peak, one.until, one.title, one.note))
            )
        console.print(table if found else f"No incident in the latest run of {scenario} ({profile}).")
        return
    who = by or getpass.getuser()
    if what == "ack":
        told.say(project, run, incident, "acknowledged", by=who)
    elif what == "silence":
        if not until or not reason:
            raise LoopbookError("silence needs --until DATE and --reason TEXT, so that it ends and somebody knows why.")
        told.say(project, run, incident, "silenced", by=who, until=until, reason=reason)
    else:
        raise LoopbookError(f"incidents knows list, ack and silence, not {what!r}.")
    console.print(f"{incident}: {'acknowledged' if what == 'ack' else f'silent until {until}'}.", markup=False)
