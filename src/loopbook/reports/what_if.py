"""What-if on a page: of two classes sliders over the counts that notebook 05 wrote, and a small table in print."""

import json
from pathlib import Path
from typing import Any

from loopbook.store import vault
from loopbook.store.records import Run

_COSTS = {
    "true_positive": "Cost of acting rightly",
    "false_positive": "Cost of acting wrongly",
    "false_negative": "Cost of a miss",
    "true_negative": "Cost of rightly not acting",
    "review": "Cost of a review",
}


def known(run: Run, data: Path) -> dict[str, Any] | None:
    """Return what a page needs to draw it; None if the run has no such artifact (any more).

    Of several classes that is a table of `shares` of reviews and nothing to choose.
    """
    paths = (record.artifacts["what_if"] for record in run.stages.values() if "what_if" in record.artifacts)
    path = vault.kept(next((data / path for path in paths), None))
    if path is None:
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    if "shares" in values:
        return dict(values)
    needed = {name: values[name] for name in ("bins", "costs", "capacity", "threshold")}
    return {
        **values,
        "data": json.dumps(needed, separators=(",", ":")),
        "costs": [(name, words, f"{values['costs'][name]:g}") for name, words in _COSTS.items()],
    }
