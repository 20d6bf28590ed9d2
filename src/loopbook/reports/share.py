"""A run to hand on: one zip of its pages or one file, searched for personal data once more before it is written."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from loopbook.reports import outgoing, provenance, rounds_timeline, run_pages
from loopbook.reports.rendering import static
from loopbook.reports.traces import Traces
from loopbook.scenario.errors import LoopbookError
from loopbook.store import records
from loopbook.store.content import write_atomically
from loopbook.store.project import Project
from loopbook.store.records import Run

FOLDER = "shared"
_TOLD = 12  # findings that a message names
REMEDY = (
    "Mask it where it comes from: a column that names a person belongs into source.personal of the scenario; a text "
    "that a cell shows into loopbook.privacy.personal_data.mask; a title or description is the scenario's own. Then "
    "run again. What is nobody's own, such as a public address, may be let through by naming it: ALLOW=… (--allow)."
)


class Withheld(LoopbookError):
    """Personal data, or a trace of this machine, would have left with a report; nothing was written."""


@dataclass(frozen=True)
class Shared:
    """What was written.

    Attributes
    ----------
    texts
        How many texts were searched.
    pixels
        How many pictures hold no text that could be searched.
    missing
        Stages that are not in it: they were not executed, or their notebook is no longer in the store.
    """

    path: Path
    size: int
    texts: int
    pixels: int
    missing: list[str]


def share(
    project: Project, run: Run, html: bool = False, out: Path | None = None, allowed: Sequence[str] = ()
) -> Shared:
    """Write a run's pages into one zip (its ``index.html`` opens from a file), or into one HTML file.

    Parameters
    ----------
    html
        One self-contained HTML file instead of a zip.
    out
        The file to write; None: ``shared/<scenario>-<run>`` in the reports' folder.
    allowed
        Texts that may leave although the search finds them.

    Raises
    ------
    Withheld
        If the search finds something; nothing is written then.
    """
    traces = Traces.of(project, run)
    clean = traces.record(run)
    missing = [
        name
        for name, record in run.stages.items()
        if not record.notebook or not (project.data / record.notebook).is_file()
    ]
    files, pixels = _files(project, run, clean, traces, {"missing": missing, "allowed": len(allowed)}, html)
    found = [text for name, content in files.items() for text in outgoing.texts(name, content)]
    leaks = outgoing.leaks(found, run, traces, allowed)
    if leaks:
        raise Withheld(_told(run, leaks))
    ending = ".html" if html else ".zip"
    target = out or project.reports / FOLDER / f"{run.scenario}-{run.run}{ending}"
    content = files["index.html"] if html else _zipped(f"{run.scenario}-{run.run}", files)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, lambda file: file.write_bytes(content))
    return Shared(target, len(content), len(found), pixels, missing)


def _files(
    project: Project, run: Run, clean: Run, traces: Traces, said: Mapping[str, Any], html: bool
) -> tuple[dict[str, bytes], int]:
    """Return what would leave, by its path, and the number of pictures of pixels; all is made anew, without traces."""
    every = records.runs(project)
    place = run_pages.Place(project.data, project.reports / FOLDER, project.notebooks, traces.hide)
    way = rounds_timeline.timeline([other for other in every if other.scenario == run.scenario], run)
    if way is not None:
        way = replace(way, runs=tuple(traces.record(other) for other in way.runs))
    make = partial(run_pages.make, place, clean, way, provenance.origins(every), depth="")
    files = make(shared={**said, "pixels": 0})
    pixels = sum(name.endswith(outgoing.PIXELS) for name in files)
    if pixels:
        files = make(shared={**said, "pixels": pixels})
    report = files.pop("report.html")
    if html:
        return {"index.html": report}, pixels
    return files | {f"assets/{name}": static(name).encode() for name in ("style.css", "site.js")}, pixels


def _zipped(folder: str, files: Mapping[str, bytes]) -> bytes:
    """Return a zip whose bytes depend on its content only."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}")
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content)
    return held.getvalue()


def _told(run: Run, leaks: Sequence[outgoing.Leak]) -> str:
    shown = "\n".join(f"  {leak}" for leak in leaks[:_TOLD])
    more = f"\n  and {len(leaks) - _TOLD} more places" if len(leaks) > _TOLD else ""
    return f"{run.scenario}/{run.run} is not shared, and nothing was written. Found in it:\n{shown}{more}\n{REMEDY}"
