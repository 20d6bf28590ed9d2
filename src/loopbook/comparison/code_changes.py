"""Changes of code between two runs' notebooks, cell by cell, as unified diffs."""

import difflib
import json
from pathlib import Path

from loopbook.store import vault
from loopbook.store.project import Project
from loopbook.store.records import Run, StageRecord

_AROUND = 2  # lines that are shown around a changed one
_LONGEST = 200  # lines of one cell's difference


def cells(project: Project, a: Run, b: Run) -> dict[str, list[str]]:
    """Return the code cells that differ between the notebooks as they were executed, each notebook once.

    Returns
    -------
    dict
        By notebook and cell: its lines as a unified diff, each with its sign before it.
    """
    pairs = {}
    for name, old in a.stages.items():
        new = b.stages.get(name)
        if new is not None and old.key != new.key and old.stage not in pairs:
            pairs[old.stage] = (_codes(project.data, old), _codes(project.data, new))
    return {
        f"notebooks/{stage}.ipynb, cell {name}": _difference(old.get(name, ""), new.get(name, ""))
        for stage, (old, new) in pairs.items()
        if old and new  # else one has left the store
        for name in dict.fromkeys((*old, *new))
        if old.get(name, "").splitlines() != new.get(name, "").splitlines()
    }


def _difference(old: str, new: str) -> list[str]:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=_AROUND, lineterm=""))[2:]  # without names
    left = len(lines) - _LONGEST
    return [*lines[:_LONGEST], *([f"… {left} lines more"] if left > 0 else [])]


def _codes(data: Path, record: StageRecord) -> dict[str, str]:
    """Return the code of each cell by its id; what a run put in for the parameters is not the notebook's own."""
    path = vault.kept(data / record.notebook) if record.notebook else None
    if path is None:
        return {}
    found = {}
    for place, cell in enumerate(json.loads(path.read_text(encoding="utf-8", errors="replace")).get("cells", ())):
        if cell.get("cell_type") == "code" and "injected-parameters" not in cell.get("metadata", {}).get("tags", ()):
            source = cell.get("source", "")
            found[str(cell.get("id", place))] = "".join(source) if isinstance(source, list) else str(source)
    return found
