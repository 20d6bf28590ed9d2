"""One comparison as a person asks for it: find the runs, judge, say what came out, write the page."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loopbook.comparison import code_changes, data_changes, notes, record_changes, runs, verdict
from loopbook.comparison.repeats import Say
from loopbook.reports import comparison_page
from loopbook.reports.security import visible
from loopbook.runner import changes
from loopbook.store.project import Project


def run(project: Project, a: str, b: str, out: Path | None, console: Console, progress: Console) -> bool:
    """Compare two runs, and say whether B is worse beyond the band.

    Parameters
    ----------
    out
        Folder for the page; None: in the reports.
    console, progress
        Where the verdict goes, and where what is being done.

    Raises
    ------
    LoopbookError
        If there is no such run, or the two cannot be compared; the message says what to do.
    """
    first, second = runs.pair(project, a, b)
    with _shown(progress) as say:
        found = verdict.compare(project, first, second, say)
        tables = data_changes.tables(project, first, second, say)
        say("Comparing the code, drawing the page")
        keys = [{name: record.key for name, record in run.stages.items()} for run in (first, second)]
        differing = changes.between(project, first, second) if keys[0] != keys[1] else ()
        cells = code_changes.cells(project, first, second)
        place = comparison_page.write(project, found, differing, cells, tables, out, say)
    _print(console, found)
    console.print(f"Report: {place}", markup=False, soft_wrap=True)
    return bool(found.regressions)


@contextmanager
def _shown(console: Console) -> Iterator[Say]:
    """Show what is being done: one line that changes on a terminal, a line for each kind of work elsewhere."""
    if console.is_terminal:
        with console.status("") as status:
            yield lambda text: status.update(Text(visible(text)))
        return
    before = ""

    def log(text: str) -> None:
        nonlocal before
        work = text.partition(":")[0]
        if work != before:
            console.print(f"  {visible(work)} …", markup=False, soft_wrap=True)
        before = work

    yield log


def _print(console: Console, found: verdict.Verdict) -> None:
    """Print the verdict first, then what it is made of."""

    def line(text: str, style: str = "") -> None:
        console.print(Text(visible(text), style=style), soft_wrap=True)

    worse = found.regressions
    line(found.outcome, "bold red" if worse else "bold" if found.judged else "bold yellow")
    for metric in worse:
        line(f"  {notes.loss(metric, len(found.repeats.runs))}", "red")
    for text in record_changes.missed(found.a, found.b):
        line(f"  Criterion met in A and missed in B: {text}", "yellow")
    line(f"A  {runs.describe(found.a)}")
    line(f"B  {runs.describe(found.b)}")
    table = Table("metric", "A", "B", "B - A", "band", "", box=None, pad_edge=False)
    for metric in found.judged:
        assert metric.band is not None
        said = Text("worse", "bold red") if metric.worse else Text("better" if metric.better else "")
        numbers = [notes.figure(metric.a), notes.figure(metric.b), notes.figure(metric.difference, "+")]
        numbers.append(f"±{notes.figure(metric.band.half)}")
        table.add_row(Text(visible(metric.name)), *numbers, said)
    if found.judged:
        console.print(table)
    for text in found.notes:
        line(text)
    if found.kind != "seeds":
        line(f"  {notes.command(found.a)}")
