"""One comparison as a person asks for it: find the runs, judge, write the page, say what came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from loopbook.comparison import content, runs, verdict
from loopbook.reports import comparison as page
from loopbook.store.project import Project

if TYPE_CHECKING:
    from rich.console import Console


def run(project: Project, a: str, b: str, out: Path | None, console: Console) -> bool:
    """Compare two runs, and say whether B is worse beyond the band.

    Raises
    ------
    MissingInput
        If there is no such run.
    """
    from rich.table import Table
    from rich.text import Text

    first, second = runs.find(project, a), runs.find(project, b)
    found = verdict.compare(project, first, second)
    judged = verdict.told(found.metrics)
    place = page.write(
        project,
        first,
        second,
        out,
        verdict=found,
        told=[each for each in found.metrics if not each.equal],
        equal=[each for each in found.metrics if each.equal],
        code=content.code(project, first, second),
        data=content.data(project, first, second),
        drawing=page.drawing([(each.name, each.gain or 0.0, each.half or 0.0, each.worse) for each in judged]),
    )
    console.print(f"A {first.scenario}/{first.run} · B {second.scenario}/{second.run}", markup=False)
    table = Table("metric", "A", "B", "B - A", "band", "", box=None, pad_edge=False)
    for each in judged:
        said = Text("worse", "bold red") if each.worse else Text("")
        numbers = [f"{each.a:.4f}", f"{each.b:.4f}", f"{each.difference:+.4f}", f"±{each.half:.4f}"]
        table.add_row(Text(each.name), *numbers, said)
    if judged:
        console.print(table)
    console.print(found.note, markup=False, soft_wrap=True)
    worse = len(found.regressions)
    outcome = (
        f"B is worse beyond the band in {worse} of {len(judged)} metrics." if worse else "No regression was found."
    )
    console.print(outcome if judged else "Nothing was judged.", markup=False)
    console.print(f"Report: {place}", markup=False, soft_wrap=True)
    return bool(worse)
