"""Say how a run goes: one live line a stage on a terminal, a plain log elsewhere."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from loopbook.store.records import StageRecord

_MOST_LINES = 20  # of an error that are shown; all of it is on the page
_MARKS = {"done": "[green]✓[/]", "fresh": "[dim]·[/]", "failed": "[red]✗[/]", "skipped": "[yellow]–[/]"}


@dataclass
class Display:
    """What the terminal shows while runs go on; a brief one passes over stages that were not executed."""

    console: Console = field(default_factory=Console)
    brief: bool = False
    width: int = 28
    _live: Live | None = None
    _begun: dict[str, float] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def started(self, name: str) -> None:
        """Say that a stage began."""
        self._begun[name] = time.monotonic()
        if self._live is None:
            self.console.print(f"  {name} …", markup=False)

    def note(self, text: str) -> None:
        """Say something about the whole run."""
        self.console.print(f"  {text}", markup=False, highlight=False, soft_wrap=True)

    def running(self, progress: Mapping[str, str], waiting: int = 0) -> None:
        """Show the running stages, their elapsed time, what they last said, and how many others wait."""
        if self._live is None:
            for name, text in progress.items():
                if text and self._said.get(name) != text and time.monotonic() - self._begun[name] > 10:
                    self._said[name] = text
                    self._begun[name] = time.monotonic()
                    self.console.print(f"  {name}: {text}", markup=False, highlight=False)
            return
        table = Table.grid(padding=(0, 1))
        for name, text in progress.items():
            elapsed = time.monotonic() - self._begun[name]
            table.add_row(
                "▸", Text(name), f"{elapsed:5.1f} s", Text(text, style="dim", overflow="ellipsis", no_wrap=True)
            )
        if waiting:
            table.add_row("", Text(f"{waiting} more wait", style="dim"))
        self._live.update(table)

    def finished(self, record: StageRecord, name: str = "") -> None:
        """Say that a stage ended, and how; `name` is what it is called where several runs go on."""
        name = name or record.name
        self._begun.pop(name, None)
        if self.brief and record.state in ("fresh", "skipped"):
            return
        note = {"fresh": "unchanged", "skipped": "skipped: something it needs failed"}.get(record.state, "")
        note = record.error.line if record.error is not None else note
        seconds = f"{record.seconds:6.1f} s" if record.state in ("done", "failed") else " " * 8
        line = Text.assemble(
            Text.from_markup(_MARKS[record.state]), f" {name:<{self.width}} {seconds}  ", (note, "dim")
        )
        self.console.print(line, soft_wrap=True)
        for more in record.error.message.strip().splitlines()[1:_MOST_LINES] if record.error is not None else ():
            self.console.print(Text(f"      {more}", "dim"), soft_wrap=True)
