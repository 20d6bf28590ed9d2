"""The page of a comparison: what differs between two runs, beside the noise band."""

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from loopbook.comparison import notes, record_changes
from loopbook.comparison.data_changes import Table
from loopbook.comparison.metric import Metric
from loopbook.comparison.verdict import Verdict
from loopbook.reports import chart, page, site
from loopbook.reports.output import Picture
from loopbook.reports.rendering import render
from loopbook.store.project import Project
from loopbook.store.records import Change, Run

FOLDER = "comparisons"
_FARTHEST = 3.0  # half-widths from the middle beyond which a metric is drawn at the edge
_DRAWN = 6  # distributions of a table that are drawn, those that differ most


def write(
    project: Project,
    verdict: Verdict,
    changes: Sequence[Change],
    cells: Mapping[str, Sequence[str]],
    tables: Sequence[Table],
    to: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write the page and its figures, and return it.

    Parameters
    ----------
    changes, cells, tables
        What differs in what the runs were made of, in the code of their notebooks, and in their data.
    to
        Folder for the page; None: ``reports/comparisons/<A>..<B>``. Beside it go style and script.
    say
        Takes what is being done.
    """
    a, b = verdict.a, verdict.b
    name = re.sub(r"[^\w.-]+", "_", f"{a.scenario}-{a.run}..{b.scenario}-{b.run}")
    folder = to or project.reports / FOLDER / name
    site.assets(folder)
    drawn = figures(project, a, b, say)
    for figure in drawn:
        for side in "ab":
            if figure[side] is not None:
                site.write(folder / "figures" / f"{side}-{figure[side].name}", figure[side].content)
    target = folder / "index.html"
    shown = render(
        "comparison.html.j2",
        verdict=verdict,
        sides=[(side, run, "" if to else _link(project, run, folder)) for side, run in (("A", a), ("B", b))],
        depth="",
        drawing=drawing(verdict.judged),
        parameters=record_changes.parameters(a, b),
        criteria=record_changes.criteria(a, b),
        changes=changes,
        cells=cells,
        tables=tables,
        distributions={table.name: distributions(table) for table in tables},
        figures=drawn,
        command="" if verdict.kind == "seeds" else notes.command(a),
    )
    site.write(target, shown)
    return target


def drawing(metrics: Sequence[Metric]) -> chart.Drawing | None:
    """Draw judged metrics in half-widths of their bands; right is better, left of the band a regression.

    What lies further out is drawn at the edge; the table has the numbers. A band of no width is drawn only where B is
    beyond it, because it has no scale.
    """
    bars, worse, said = [], [], []
    shown = [
        (metric, metric.band.half, metric.gain)
        for metric in metrics
        if metric.band and metric.gain is not None and (metric.band.half or metric.worse or metric.better)
    ]
    short = Counter(metric.name.partition(" ")[2] for metric, _, _ in shown)
    for metric, half, gain in shown:
        stage, _, name = metric.name.partition(" ")
        name = name if short[name] == 1 else f"{name} ({stage})"
        far = gain / half if half else _FARTHEST * (-1.0 if metric.worse else 1.0)
        edge = 1.0 if half else 0.0
        bars.append((name, max(-_FARTHEST, min(_FARTHEST, far)), -edge, edge))
        worse += [name] if metric.worse else []
        said.append(f"{metric.name}: {gain:+.4g}, band ±{half:.4g}{', a regression' if metric.worse else ''}")
    drawn = chart.intervals(
        "Gain of B over A in half-widths of each metric's noise band; left is worse",
        bars,
        chosen=worse,
        reference=0.0,
        alt=f"Gain of B over A beside each band. {'; '.join(said)}.",
    )
    if drawn is None:
        return None
    wide = next((bar for bar in drawn["bars"] if bar["high"] > bar["low"]), None)
    middle = (drawn["reference"], "0")
    return drawn | {"ticks": [(wide["low"], "-1"), middle, (wide["high"], "1")] if wide else [middle]}


def distributions(table: Table) -> list[chart.Drawing]:
    """Draw the distributions of a table that differ most, the greatest difference first."""
    drawn = (
        chart.ridges(
            column.name,
            list(zip("AB", column.histograms, strict=True)),
            f"Distribution of {column.name}. A: {column.a}; B: {column.b}; "
            f"population stability index {column.psi:.3f}.",
        )
        for column in table.columns
        if column.moved and column.histograms
    )
    return list(filter(None, drawn))[:_DRAWN]


def figures(project: Project, a: Run, b: Run, say: Callable[[str], None] = lambda _: None) -> list[dict[str, Any]]:
    """Return the figures of both runs, by stage and place in the notebook; ``a`` or ``b`` is None in a run without."""
    found: dict[str, dict[str, Picture]] = {}
    root = str(project.root.resolve())
    for side, run in (("a", a), ("b", b)):
        for name, record in run.stages.items():
            say(f"Collecting the figures: {side.upper()}, {name}")
            shown = page.page(record, project.data, None, root)
            for picture in shown.pictures if shown else ():
                # Its file's name says the cell and the output, after the stage, the same in both runs.
                place = picture.name.removeprefix(f"{page.slug(record)}-").rpartition(".")[0]
                found.setdefault(f"{name} · {place.removesuffix('-1').removesuffix('-figure')}", {})[side] = picture
    return [
        {
            "title": title,
            "a": None,
            "b": None,
            **pair,
            "same": len({picture.content for picture in pair.values()}) == 1 < len(pair),
        }
        for title, pair in found.items()
    ]


def _link(project: Project, run: Run, folder: Path) -> str:
    """Return the way to a run's own page from a comparison's in the reports; empty where there is none."""
    own = project.reports / run.scenario / run.run
    place = next((file for file in (own / "index.html", own.with_suffix(".html")) if file.is_file()), None)
    return Path(os.path.relpath(place, folder)).as_posix() if place else ""
