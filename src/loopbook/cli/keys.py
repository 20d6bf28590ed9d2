"""Command for the API keys of a served agent."""

import getpass
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from loopbook.cli.program import DEFAULT, ProfileOption, ScenarioOption, terminal
from loopbook.scenario import loading
from loopbook.scenario.errors import LoopbookError
from loopbook.store.project import Project


def keys(
    what: Annotated[str, typer.Argument(help="list, create or revoke.")] = "list",
    name: Annotated[str, typer.Argument(help="create: which system calls; revoke: a key's id, or a name.")] = "",
    role: Annotated[str, typer.Option(help="create: caller, reviewer or admin.")] = "caller",
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    by: Annotated[str | None, typer.Option(help="Who says so, for the log; by default your login.")] = None,
) -> None:
    """List the API keys of a served agent, create one, or revoke one: no worker takes it after 2 seconds."""
    from loopbook.decisions.audit import database
    from loopbook.service import keys as known

    project, console = Project.find(), terminal()
    agent = f"{loading.load(scenario, project.scenarios, profile).name}/{profile}"
    engine, who = database.connect(project), by or getpass.getuser()
    if what == "list":
        table = Table("id", "name", "role", "created", "by", "state", box=None, pad_edge=False)
        found = known.listed(engine, agent)
        for key in found:
            state = f"revoked {key.revoked[:16]}" if key.revoked else "holds"
            table.add_row(*map(Text, (key.id, key.name, key.role, key.created[:16], key.created_by, state)))
        console.print(table if found else f"{agent} has no API key: python -m loopbook keys create NAME")
        return
    if not name:
        raise LoopbookError(f"keys {what} needs a name: python -m loopbook keys {what} NAME")
    if what == "create":
        secret = known.create(engine, agent, name, role, who)
        typer.echo(secret)
        typer.echo(
            f"{role} {name} of {agent}. It is shown this once, and stored nowhere; only its digest is.", err=True
        )
    elif what == "revoke":
        for key in known.revoke(engine, agent, name, who):
            console.print(f"revoked {key.id} ({key.role} {key.name})", markup=False)
    else:
        raise LoopbookError(f"keys knows list, create and revoke, not {what!r}.")
