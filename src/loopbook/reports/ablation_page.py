"""The page of an ablation: a row a technique, as HTML in the reports and as Markdown for the docs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

from loopbook.reports import site
from loopbook.reports.rendering import render
from loopbook.store.content import write_text

FOLDER = "ablation"


@dataclass(frozen=True)
class Page:
    """What the page shows.

    Attributes
    ----------
    notes
        Sentences above the table.
    columns
        Names of the columns; the first is the technique.
    rows
        A text a column.
    """

    title: str
    scenario: str
    command: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    made: Mapping[str, str]


def write(page: Page, reports: Path) -> Path:
    """Write the HTML page into the reports, and return it."""
    site.assets(reports)
    file = reports / page.scenario / FOLDER / "index.html"
    site.write(file, render("ablation.html.j2", page=page, depth="../../"))
    return file


def markdown(page: Page, file: Path) -> None:
    """Write the page as Markdown."""
    lines = [f"# Ablation: {page.title}", "", "```sh", page.command, "```", ""]
    lines += [f"{fill(note, 125, break_long_words=False, break_on_hyphens=False)}\n" for note in page.notes]
    lines += [_line(page.columns), _line(("---",) * len(page.columns)), *map(_line, page.rows), ""]
    lines += ["## Made tasks", "", "Each family of techniques on a small simulated task where it is known to help:", ""]
    lines += [_line(("family", "with it, over three seeds")), _line(("---",) * 2), *map(_line, page.made.items()), ""]
    write_text(file, "\n".join(lines))


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
