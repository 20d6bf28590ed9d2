"""What the commands have in common: options, exit codes, and how it is said what is wrong."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from loopbook.scenario.errors import LoopbookError
from loopbook.store import disk_space
from loopbook.store.owner_only import let_read, owner_only, readers
from loopbook.store.project import Project

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


def ended(status: str) -> typer.Exit:
    """Return the exit of a run; where a criterion is missed, that is the last line."""
    if status == "missed":
        typer.secho("criterion missed", fg="red", err=True)
    return typer.Exit(CODES[status])


class Plain(TyperGroup):
    """The commands; whatever one of them raises that a person can mend is told without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        # jsonschema, which nbformat checks notebooks with, would build a grammar of a second or more when it is
        # imported, for a format (iri) that no notebook has. None makes it go without, as where it is not installed.
        sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
        with plainly(), owner_only():
            bits = readers()
            try:
                return super().invoke(ctx)
            finally:
                if bits:
                    let_read(Project.find().reports, bits)


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


def terminal(stderr: bool = False) -> Console:
    """Return where a command prints; numbers and names in its texts are not coloured."""
    return Console(stderr=stderr, highlight=False)


@contextmanager
def plainly() -> Iterator[None]:
    """Say what is wrong in a sentence and by exit code, without a traceback."""
    try:
        yield
    except (LoopbookError, OSError) as error:
        full, text = disk_space.is_full(error), str(error)
        if isinstance(error, OSError):
            if not full:
                raise
            project = Project.find()
            known = Path(error.filename) if error.filename else None
            text = disk_space.remedy(
                known or disk_space.fullest(project.data, project.reports, Path(tempfile.gettempdir()))
            )
        typer.secho(text, fg="red", err=True)
        raise typer.Exit(Exit.FAILED if full else Exit.BAD_INPUT) from error
    except KeyboardInterrupt:
        typer.secho("Interrupted. What was finished is kept; the same command goes on from there.", fg="red", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
