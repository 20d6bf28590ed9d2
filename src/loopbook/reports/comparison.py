"""The page of a comparison: what differs between two runs, beside the noise band."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loopbook.reports import chart, page, site
from loopbook.reports.chart import Intervals
from loopbook.reports.output import Picture
from loopbook.reports.overview import number
from loopbook.reports.rendering import render
from loopbook.store.project import Project
from loopbook.store.records import Run

FOLDER = "comparisons"


def drawing(rows: Sequence[tuple[str, float, float, bool]]) -> Intervals | None:
    """Draw metrics in half-widths of their bands: name, gain (positive: B is better), half-width, whether it is worse.

    What lies further out than three half-widths is drawn there; the table has the numbers.
    """

    def scaled(gain: float, half: float) -> float:
        part = gain / half if half else 3.0 * ((gain > 0) - (gain < 0))
        return max(-3.0, min(3.0, part))

    return chart.intervals(
        "Gain of B over A in half-widths of each metric's band; left of the band: a regression",
        [(name.rpartition(" ")[2], scaled(gain, half), -1.0, 1.0) for name, gain, half, _ in rows],
        chosen=[name.rpartition(" ")[2] for name, *_, worse in rows if worse],
        reference=0.0,
        alt="Gain of B over A. "
        + "; ".join(
            f"{name}: {gain:+.4f}, band ±{half:.4f}{', beyond the band' if worse else ''}"
            for name, gain, half, worse in rows
        ),
    )


def write(project: Project, a: Run, b: Run, to: Path | None = None, **about: Any) -> Path:
    """Write the page and its figures, and return it.

    Parameters
    ----------
    to
        Folder for the page; None: ``reports/comparisons/<A>..<B>``. Beside it go style and script.
    about
        What the template shows besides: verdict, metrics told and equal, code, data and drawing.
    """
    name = re.sub(r"[^\w.-]+", "_", f"{a.scenario}-{a.run}..{b.scenario}-{b.run}")
    folder = to or project.reports / FOLDER / name
    site.assets(folder)
    pictures = figures(project, a, b)
    for _, pair in pictures:
        for side, picture in pair.items():
            if picture is not None:
                place = folder / "figures" / f"{side}-{picture.name}"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(picture.content)
    target = folder / "index.html"
    shown = render(
        "comparison.html.j2",
        a=a,
        b=b,
        depth="",
        parameters=parameters(a, b),
        criteria=criteria(a, b),
        pictures=pictures,
        **about,
    )
    site.write(target, shown)
    return target


def parameters(a: Run, b: Run) -> tuple[tuple[str, str, str], ...]:
    """Return the parameters in force that differ: name, in A, in B."""
    old, new = (
        {f"{name} {each.name}": each.value for name, stage in run.stages.items() for each in stage.parameters}
        for run in (a, b)
    )
    return tuple(
        (name, number(old.get(name, "not there")), number(new.get(name, "not there")))
        for name in dict.fromkeys((*old, *new))
        if old.get(name, "not there") != new.get(name, "not there")
    )


def criteria(a: Run, b: Run) -> tuple[tuple[str, str, str], ...]:
    """Return every criterion: its text, how A and how B do."""
    words = {True: "met", False: "missed", None: "not tested"}
    old, new = ({each.id: each for each in run.criteria} for run in (a, b))
    rows = []
    for name in dict.fromkeys((*old, *new)):
        text = (new.get(name) or old[name]).text
        told = [
            f"{words[each.met]} ({number(each.value)})" if each else "not there"
            for each in (old.get(name), new.get(name))
        ]
        rows.append((text, told[0], told[1]))
    return tuple(rows)


def figures(project: Project, a: Run, b: Run) -> tuple[tuple[str, Mapping[str, Picture | None]], ...]:
    """Return the figures of both runs side by side, by stage and place in the notebook."""
    found: dict[str, dict[str, Picture | None]] = {}
    for side, run in (("a", a), ("b", b)):
        for name, record in run.stages.items():
            made = page.page(record, project.data, project.notebooks, str(project.root.resolve()))
            for picture in made.pictures if made else ():
                # Its file's name says the cell and the output, after the stage, the same in both runs.
                title = f"{name} · {picture.name.partition('-')[2].rpartition('.')[0]}"
                found.setdefault(title, {"a": None, "b": None})[side] = picture
    return tuple(found.items())
