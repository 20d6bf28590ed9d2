"""The command that tries a challenger on live traffic."""

import getpass
from typing import Annotated, Literal

import typer
from rich.table import Table

from loopbook.cli.program import DEFAULT, ProfileOption, ScenarioOption, terminal
from loopbook.scenario.errors import LoopbookError
from loopbook.store.project import Project


def trial(
    what: Annotated[str, typer.Argument(help="show, start or stop.")] = "show",
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    run: Annotated[str, typer.Option(help="start: whose challenger; by default that of the run that is served.")] = "",
    mode: Annotated[
        str, typer.Option(help="start: shadow (beside the champion, unseen) or share; by default as the scenario says.")
    ] = "",
    share: Annotated[
        float | None, typer.Option(min=0.001, max=0.5, help="start: share of the rows that the challenger decides.")
    ] = None,
    reason: Annotated[str, typer.Option(help="stop: why, for whoever looks next.")] = "",
    by: Annotated[str | None, typer.Option(help="Who says so; by default your login.")] = None,
) -> None:
    """Try a challenger on live traffic, in shadow or on a share of the rows; a sequential test says which is better."""
    from loopbook.operations import session, trials
    from loopbook.store import challengers

    project, console, who = Project.find(), terminal(), by or getpass.getuser()
    resolved = session.read(scenario, profile, "").resolved

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    if what == "start":
        if mode not in ("", "shadow", "share"):
            raise LoopbookError(f"--mode is shadow or share, not {mode!r}.")
        wanted: Literal["", "shadow", "share"] = mode  # type: ignore[assignment]
        begun = trials.start(project, resolved, profile, who, run, wanted, share, say)
        how = "in shadow" if begun.mode == "shadow" else f"on {begun.share:.0%} of the rows"
        say(f"On trial {how}: the challenger of {begun.run}, {begun.model[:12]}. A service takes it up by itself.")
    elif what == "stop":
        if not reason:
            raise LoopbookError("stop needs --reason TEXT, so that somebody knows why.")
        ended = trials.stop(project, resolved.name, profile, who, reason)
        say(f"Ended: the challenger of {ended.run}, {ended.model[:12]}. What it decided stays in the log.")
    elif what == "show":
        going = challengers.trial(project, resolved.name, profile)
        if going is None:
            say("No challenger is on trial; start one: python -m loopbook trial start")
            return
        found = trials.look(project, resolved, profile)
        say(f"The challenger of {going.run} is on trial since {going.began[:16]} (UTC), by {going.by}: {going.mode}.")
        if found is not None:
            table = Table("", "champion", "challenger", box=None, pad_edge=False)
            table.add_row("rows decided", f"{found.champion:,}", f"{found.challenger:,}")
            table.add_row(found.measure, *(f"{lost:.4g}" for lost in found.losses))
            table.add_row("evidence (e-value) that it is better", "", f"{found.test.better:.3g} of {1 / found.error:g}")
            console.print(table)
            say(found.sentence)
    else:
        raise LoopbookError(f"trial knows show, start and stop, not {what!r}.")
