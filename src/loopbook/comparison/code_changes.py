"""Changes of code between two runs' notebooks, cell by cell, as unified diffs."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from loopbook.store.project import Project
from loopbook.store.records import Run, StageRecord

_AROUND = 2  # lines that are shown around a changed one
_LONGEST = 200  # lines of one cell's difference


@dataclass(frozen=True)
class Cell:
    """A notebook's cell whose code is not the same: its lines as a unified diff, each with its sign before it."""

    place: str
    lines: tuple[str, ...]


def cells(project: Project, a: Run, b: Run) -> list[Cell]:
    """Return the code cells that differ between the notebooks as they were executed, each notebook once."""
    pairs = {}
    for name, old in a.stages.items():
        new = b.stages.get(name)
        if new is not None and old.key != new.key and old.stage not in pairs:
            pairs[old.stage] = (_codes(project.data, old), _codes(project.data, new))
    both = {stage: codes for stage, codes in pairs.items() if all(codes)}  # else one has left the store
    return [cell for stage, (old, new) in both.items() for cell in _differing(stage, old, new)]


def _differing(stage: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Cell]:
    for name in dict.fromkeys((*old, *new)):
        was, now = (codes.get(name, "").splitlines() for codes in (old, new))
        if was == now:
            continue
        lines = list(difflib.unified_diff(was, now, n=_AROUND, lineterm=""))[2:]  # without the names of files
        left = len(lines) - _LONGEST
        more = (f"… {left} lines more",) if left > 0 else ()
        yield Cell(f"notebooks/{stage}.ipynb, cell {name}", (*lines[:_LONGEST], *more))


def _codes(data: Path, record: StageRecord) -> dict[str, str]:
    """Return the code of each cell by its id; what a run put in for the parameters is not the notebook's own."""
    path = data / record.notebook if record.notebook else None
    if path is None or not path.is_file():
        return {}
    found = {}
    for place, cell in enumerate(json.loads(path.read_text(encoding="utf-8", errors="replace")).get("cells", ())):
        if cell.get("cell_type") == "code" and "injected-parameters" not in cell.get("metadata", {}).get("tags", ()):
            source = cell.get("source", "")
            found[str(cell.get("id", place))] = "".join(source) if isinstance(source, list) else str(source)
    return found
