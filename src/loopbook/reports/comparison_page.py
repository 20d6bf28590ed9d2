"""The page of a comparison: what differs between two runs, beside the noise band."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loopbook.reports import chart, page, site
from loopbook.reports.chart import Intervals
from loopbook.reports.output import Picture
from loopbook.reports.overview import number, setting
from loopbook.reports.rendering import render
from loopbook.store.project import Project
from loopbook.store.records import CriterionRecord, Run

FOLDER = "comparisons"
_FARTHEST = 3.0  # half-widths from the middle beyond which a metric is drawn at the edge


@dataclass(frozen=True)
class Criterion:
    """A criterion in both runs, in words; `turned` says how its verdict changed: ``worse``, ``better`` or nothing."""

    text: str
    a: str
    b: str
    turned: str


@dataclass(frozen=True)
class Figure:
    """A figure of both runs, by stage and place in the notebook; None: that run has none there."""

    title: str
    a: Picture | None
    b: Picture | None

    @property
    def same(self) -> bool:
        return self.a is not None and self.b is not None and self.a.content == self.b.content


def write(
    project: Project, verdict: Any, to: Path | None = None, say: Callable[[str], None] = lambda _: None, **about: Any
) -> Path:
    """Write the page and its figures, and return it.

    Parameters
    ----------
    verdict
        Two runs compared: what `comparison.verdict.compare` returns.
    to
        Folder for the page; None: ``reports/comparisons/<A>..<B>``. Beside it go style and script.
    say
        Is told what is being done.
    about
        What the template shows besides: changes, cells, tables and the command.
    """
    a, b = verdict.a, verdict.b
    name = re.sub(r"[^\w.-]+", "_", f"{a.scenario}-{a.run}..{b.scenario}-{b.run}")
    folder = to or project.reports / FOLDER / name
    site.assets(folder)
    drawn = figures(project, a, b, say)
    for side, each in ((side, getattr(figure, side)) for figure in drawn for side in "ab"):
        if each is not None:
            place = folder / "figures" / f"{side}-{each.name}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(each.content)
    target = folder / "index.html"
    shown = render(
        "comparison.html.j2",
        verdict=verdict,
        sides=[("A", a, _link(project, a, folder, to)), ("B", b, _link(project, b, folder, to))],
        depth="",
        drawing=drawing(verdict.judged),
        parameters=parameters(a, b),
        criteria=criteria(a, b),
        figures=drawn,
        **about,
    )
    site.write(target, shown)
    return target


def drawing(metrics: Sequence[Any]) -> Intervals | None:
    """Draw judged metrics in half-widths of their bands; right is better, left of the band a regression.

    What lies further out is drawn at the edge; the table has the numbers. A band of no width is drawn only where B is
    beyond it, because it has no scale.
    """
    shown = [each for each in metrics if each.band.half or each.worse or each.better]
    short = Counter(each.name.partition(" ")[2] for each in shown)
    rows, worse = [], []
    for each in shown:
        stage, _, name = each.name.partition(" ")
        name = name if short[name] == 1 else f"{name} ({stage})"
        half = 1.0 if each.band.half else 0.0
        far = each.gain / each.band.half if half else _FARTHEST * (-1.0 if each.worse else 1.0)
        rows.append((name, max(-_FARTHEST, min(_FARTHEST, far)), -half, half))
        worse += [name] if each.worse else []
    told = "; ".join(
        f"{each.name}: {each.gain:+.4g}, band ±{each.band.half:.4g}{', a regression' if each.worse else ''}"
        for each in shown
    )
    drawn = chart.intervals(
        "Gain of B over A in half-widths of each metric's noise band; left is worse",
        rows,
        chosen=worse,
        reference=0.0,
        alt=f"Gain of B over A beside each band. {told}.",
    )
    if drawn is None:
        return None
    wide = next((bar for bar in drawn.bars if bar.high > bar.low), None)
    middle = ((drawn.reference or 0.0, "0"),)
    return replace(drawn, ticks=((wide.low, "-1"), *middle, (wide.high, "1")) if wide else middle)


def parameters(a: Run, b: Run) -> tuple[tuple[str, str, str], ...]:
    """Return the parameters in force that differ: name, in A, in B."""
    old, new = (
        {f"{name} {each.name}": each.value for name, stage in run.stages.items() for each in stage.parameters}
        for run in (a, b)
    )
    return tuple(
        (name, setting(old.get(name, "not there")), setting(new.get(name, "not there")))
        for name in dict.fromkeys((*old, *new))
        if old.get(name, "not there") != new.get(name, "not there")
    )


def criteria(a: Run, b: Run) -> tuple[Criterion, ...]:
    """Return every criterion: its text, how A and how B do, and whether that turned."""
    old, new = ({each.id: each for each in run.criteria} for run in (a, b))
    found = []
    for name in dict.fromkeys((*old, *new)):
        sides = (old.get(name), new.get(name))
        met = [each.met if each else None for each in sides]
        turned = "" if None in met or met[0] == met[1] else "better" if met[1] else "worse"
        text = (new.get(name) or old[name]).text
        found.append(Criterion(text, _told(sides[0]), _told(sides[1]), turned))
    return tuple(found)


def missed(a: Run, b: Run) -> list[str]:
    """Return the texts of criteria that A meets and B misses."""
    return [each.text for each in criteria(a, b) if each.turned == "worse"]


def figures(project: Project, a: Run, b: Run, say: Callable[[str], None] = lambda _: None) -> tuple[Figure, ...]:
    """Return the figures of both runs, by stage and place in the notebook."""
    found: dict[str, dict[str, Picture]] = {}
    root = str(project.root.resolve())
    for side, run in (("a", a), ("b", b)):
        for name, record in run.stages.items():
            say(f"Collecting the figures: {side.upper()}, {name}")
            for picture in page.pictures(record, project.data, root):
                # Its file's name says the cell and the output, after the stage, the same in both runs.
                place = picture.name.removeprefix(f"{page.slug(record)}-").rpartition(".")[0]
                found.setdefault(f"{name} · {place.removesuffix('-1').removesuffix('-figure')}", {})[side] = picture
    return tuple(Figure(title, pair.get("a"), pair.get("b")) for title, pair in found.items())


def _told(criterion: CriterionRecord | None) -> str:
    return f"{criterion.verdict} ({number(criterion.value)})" if criterion else "not there"


def _link(project: Project, run: Run, folder: Path, to: Path | None) -> str:
    """Return the way to a run's own page from a comparison's in the reports; empty where there is none."""
    own = project.reports / run.scenario / run.run
    place = next((each for each in (own / "index.html", own.with_suffix(".html")) if each.is_file()), None)
    return "" if place is None or to is not None else Path(os.path.relpath(place, folder)).as_posix()
