"""The dataset card in reading form: its facts and findings, as a run's own page shows them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loopbook.reports.overview import Number, number
from loopbook.store import vault
from loopbook.store.records import Run

_ROWS = {"source": "Rows taken from the source", "used": "Rows used", "quarantine": "Rows in quarantine"}
_MOST = 12  # classes that are listed; the rarer ones are summed up
_ORIGIN = {"address": "Address", "licence": "Licence", "citation": "Citation", "raw": "Raw file"}


def card(run: Run, data: Path) -> Mapping[str, Any]:
    """Return the dataset card of a run; empty if it has none, or it has left the store."""
    for record in run.stages.values():
        if "dataset_card" in record.artifacts:
            path = vault.kept(data / record.artifacts["dataset_card"])
            return dict(json.loads(path.read_text(encoding="utf-8", errors="replace"))) if path else {}
    return {}


def facts(found: Mapping[str, Any]) -> list[Number]:
    """Return a card's facts in reading form: rows, time, classes, splits, licence. What the card lacks is left out."""
    rows, span, classes, splits, origin = (
        found.get(name) or {} for name in ("rows", "time", "classes", "splits", "origin")
    )
    often = sorted(classes, key=lambda name: -(classes[name].get("rows") or 0)) if len(classes) > _MOST else classes
    rest = sum(classes[name].get("rows") or 0 for name in [*often][_MOST:])
    return [
        *(Number(words, number(rows[name])) for name, words in _ROWS.items() if name in rows),
        *([Number("From, to", _days(span))] if span.get("first") else []),
        *(Number(f"Class “{name}”", _counted(classes[name])) for name in [*often][:_MOST]),
        *([Number(f"{len(classes) - _MOST} other classes", f"{number(rest)} rows")] if rest else []),
        *(Number(f"Split {name}", _counted(part | _share(part))) for name, part in splits.items()),
        *(Number(words, str(origin[name])[:500]) for name, words in _ORIGIN.items() if origin.get(name)),
    ]


def findings(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what a reader should know of the data: text and severity, the most serious first."""
    order = ("serious", "warning", "note")
    items = ({"severity": "note"} | item for item in found.get("findings") or ())
    return sorted(items, key=lambda item: order.index(item["severity"]))


def _days(span: Mapping[str, Any]) -> str:
    return f"{str(span['first'])[:10]} to {str(span.get('last'))[:10]}"


def _share(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the share of yes where there are two classes; the card lists what no means before what yes means."""
    counts = part.get("classes") or {}
    return {"of": [*counts][1], "share": [*counts.values()][1] / max(1, part["rows"])} if len(counts) == 2 else {}


def _counted(part: Mapping[str, Any]) -> str:
    rows, of = part.get("rows"), part.get("share")
    said = f"{number(rows)} rows"
    if isinstance(of, int | float):
        said += f", {of:.1%}" + (f" of them “{part['of']}”" if "of" in part else "")
    if part.get("first"):
        said += f", {_days(part)}"
    return said
