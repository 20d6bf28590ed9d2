"""The parts of a stage's key, as they are kept beside its outputs, so that two runs can be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from loopbook.store.project import Project
from loopbook.store.records import StageRecord

PARTS = "key.json"


def kept(project: Project, record: StageRecord) -> Mapping[str, Any] | None:
    """Return what a stage's key was made of, a failed one's too; None if that is not in the store any more."""
    if record.notebook is None:
        return None
    notebook = project.data / record.notebook
    file = notebook.with_suffix(f".{PARTS}") if record.state == "failed" else notebook.with_name(PARTS)
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None


def flat(settings: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """Return nested settings by dotted name."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{at}{name}.")
        else:
            found[f"{at}{name}"] = value
    return found
