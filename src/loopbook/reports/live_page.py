"""The live page: what an agent has decided as rows came in, and the incidents that its checks have found since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopbook.reports import chart, site
from loopbook.reports.rendering import render

FOLDER = "live"


@dataclass(frozen=True)
class Page:
    """What the page shows.

    Attributes
    ----------
    notes
        Sentences above all else, the first says when it was looked.
    days
        By action, day and number of decisions, the days in order.
    incidents
        `title`, `state`, `since`, `peak`, `until`, `note`, `cost`, `associated`, `words`, `rows` of each.
    currency
        Of what an incident is expected to cost.
    checked
        Between which decisions the checks have looked; empty if they have not.
    refused
        Number of rows by reason.
    """

    title: str
    scenario: str
    simulated: bool
    notes: tuple[str, ...]
    days: Mapping[str, Sequence[tuple[str, int]]]
    incidents: Sequence[Mapping[str, Any]]
    checked: str
    refused: Mapping[str, int]
    currency: str = ""

    @property
    def charts(self) -> list[chart.Drawing]:
        """A line an action: decisions a day."""
        drawn = []
        for action, counts in self.days.items():
            points = [(float(at), float(many), day) for at, (day, many) in enumerate(counts)]
            ends = [(points[at][0], counts[at][0]) for at in dict.fromkeys((0, len(points) - 1))]
            total, most = sum(many for _, many in counts), max(counts, key=lambda each: each[1])
            said = f"{action}: {total:,} in {len(counts)} days, the most on {most[0]} ({most[1]:,})."
            drawn.append(chart.lines(f"{action} ({total:,})", {action: points}, ends, said, (0.0, max(most[1], 1.0))))
        return [each for each in drawn if each is not None]


def write(page: Page, reports: Path) -> Path:
    """Write the page into the reports, and return it."""
    site.assets(reports)
    file = reports / page.scenario / FOLDER / "index.html"
    site.write(file, render("live.html.j2", page=page, depth="../../"))
    return file
