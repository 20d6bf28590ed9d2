"""From an executed notebook to the parts of a page: today's prose around the stored outputs."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Literal

from loopbook.reports import prose, traces
from loopbook.reports.output import Output, Picture, outputs, preformatted
from loopbook.reports.security import visible
from loopbook.store import vault
from loopbook.store.records import StageRecord

_INJECTED = ("injected-parameters", "papermill-error-cell-tag", "papermill-error-cell")
_NAMED = r"\*\*(Goal|Reads|Writes|Runtime):?\*\*"
_FACT = re.compile(rf"{_NAMED}:?\s*(.*?)(?={_NAMED.replace('(', '(?:')}|\n\s*\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Cell:
    """One cell as the page shows it; `code` and `outputs` are empty for prose."""

    name: str
    kind: Literal["prose", "code"]
    html: str = ""
    code: str = ""
    lines: int = 0
    outputs: tuple[Output, ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class Page:
    """A stage's page.

    Attributes
    ----------
    slug
        Name of its file without the ending, such as ``03_training-lstm``.
    facts
        Goal, Reads, Writes, Runtime as the notebook states them; HTML.
    sections
        Addresses and texts of its headings.
    """

    slug: str
    title: str
    record: StageRecord
    facts: tuple[tuple[str, str], ...]
    sections: tuple[tuple[str, str], ...]
    cells: tuple[Cell, ...]
    error: str = ""

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(shown.picture for cell in self.cells for shown in cell.outputs if shown.picture is not None)


def slug(record: StageRecord) -> str:
    """Return the name of a stage's page; a candidate's name cannot leave the folder."""
    name = f"{record.stage}-{record.candidate}" if record.candidate else record.stage
    return re.sub(r"[^\w.-]+", "_", name).lstrip(".")[:120]


def page(
    record: StageRecord,
    data: Path,
    notebooks: Path | None,
    root: str,
    hide: Callable[[str], str] | None = None,
) -> Page | None:
    """Return the page of a stage.

    Parameters
    ----------
    record
        The stage's record.
    data
        Folder that holds what the record names.
    notebooks
        Folder of the committed notebooks, whose prose is shown; None: the prose as it was executed.
    root
        The project's folder, which is left out of paths.
    hide
        What is done to every text of the notebooks before anything else; None: nothing.

    Returns
    -------
    Page or None
        None if the stage was not executed, or its notebook is no longer in the store.
    """
    executed = _cells(data / record.notebook, hide) if record.notebook else None
    if executed is None:
        return None
    committed = _cells(notebooks / f"{record.stage}.ipynb", hide) if notebooks else None
    name = slug(record)
    headings: list[tuple[str, str]] = []
    title, facts, body = _opening(today(executed, committed or []))
    said = (record.error.traceback or record.error.message) if record.error else ""
    error = preformatted(said, root, everything=True)
    cells = []
    for number, cell in enumerate(body, start=1):
        identity = re.sub(r"[^\w-]", "", str(cell.get("id") or number))[:40]
        if cell.get("cell_type") == "markdown":
            cells.append(Cell(identity, "prose", prose.html(_source(cell), headings, name)))
        elif cell.get("cell_type") == "code" and (cell.get("outputs") or _source(cell).strip()):
            cells.append(_code(cell, identity, record, error, root))
    named = f"{title or record.stage}" + (f" · {record.candidate}" if record.candidate else "")
    unplaced = "" if any(cell.failed for cell in cells) else error
    return Page(name, visible(named), record, facts, tuple(headings), tuple(cells), unplaced)


def _code(cell: Mapping[str, Any], identity: str, record: StageRecord, error: str, root: str) -> Cell:
    """Return a code cell with its outputs; `error` is what the record says of the stage's failure."""
    code = _source(cell)
    shown = outputs(cell, f"{slug(record)}-{identity}", root)
    failed = any(item.kind == "error" for item in shown)
    if record.error is not None and record.error.cell == cell.get("id") and not failed:
        # The kernel died in it, or it was stopped: no exception is among the outputs, but the record has it.
        shown, failed = (*shown, Output("error", error)), True
    if record.parameters and code.strip().endswith("stage.parameters"):
        shown = tuple(item for item in shown if item.kind != "html")  # that table stands at the top already
    return Cell(identity, "code", code=_coloured(code), lines=code.count("\n") + 1, outputs=shown, failed=failed)


def today(executed: list[dict[str, Any]], committed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the cells of a page: today's prose, matched by cell id, around the code and outputs as executed.

    Where the code cells are no longer the same, only the texts of cells that still exist are renewed.
    """
    own = [cell for cell in executed if not set(cell.get("metadata", {}).get("tags", ())) & set(_INJECTED)]
    codes = [cell.get("id") for cell in own if cell.get("cell_type") == "code"]
    if codes and codes == [cell.get("id") for cell in committed if cell.get("cell_type") == "code"]:
        by_id = {cell.get("id"): cell for cell in own}
        return [by_id[cell["id"]] if cell.get("cell_type") == "code" else cell for cell in committed]
    prose_now = {cell.get("id"): cell for cell in committed if cell.get("cell_type") == "markdown" and cell.get("id")}
    return [prose_now.get(cell.get("id"), cell) if cell.get("cell_type") == "markdown" else cell for cell in own]


def _opening(cells: list[dict[str, Any]]) -> tuple[str, tuple[tuple[str, str], ...], list[dict[str, Any]]]:
    """Take the title and the lines Goal, Reads, Writes, Runtime off the first cell."""
    if not cells or cells[0].get("cell_type") != "markdown":
        return "", (), cells
    source = _source(cells[0]).strip()
    first, _, rest = source.partition("\n")
    title, source = (first[2:], rest) if first.startswith("# ") else ("", source)
    found = _FACT.findall(source)
    kept = _FACT.sub("", source).strip()
    opening = [{**cells[0], "source": kept}] if kept.strip(" \n·-") else []
    return title.strip(), tuple((term, _inline(text.strip(" \n·-•|"))) for term, text in found), [*opening, *cells[1:]]


def _inline(markdown: str) -> str:
    return re.sub(r"^<p>(.*)</p>\s*$", r"\1", prose.html(markdown).strip(), flags=re.DOTALL)


@cache
def _coloured(code: str) -> str:
    """Return code with its syntax marked; runs share most of their cells."""
    from nbconvert.filters.highlight import Highlight2HTML

    found = re.search(r"<pre>(.*)</pre>", str(Highlight2HTML(pygments_lexer="python3")(code)), re.DOTALL)
    return found[1].strip("\n") if found else escape(code)


def _cells(path: Path, hide: Callable[[str], str] | None = None) -> list[dict[str, Any]] | None:
    """Read a notebook's cells without nbformat's check of its schema: a failed notebook may be cut off."""
    if vault.kept(path) is None:
        return None
    notebook: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    cells = list(notebook.get("cells", ()))
    return cells if hide is None else traces.mapped(cells, hide, ("id", "tags", "image/png", "image/jpeg"))


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return visible("".join(source) if isinstance(source, list) else str(source))
