"""Tables that the stages of a run wrote, as rows of plain values."""

import math
from pathlib import Path
from typing import Any

from loopbook.store import vault
from loopbook.store.records import Run, StageRecord

ALERTS, POLICIES = "alerts", "policies"


def rows(run: Run, data: Path, name: str) -> tuple[StageRecord, list[dict[str, Any]]] | None:
    """Return the stage that wrote a table, and its rows; what is no number in them is None, as where it is missing."""
    for record in run.stages.values():
        path = vault.kept(data / record.artifacts[name]) if name in record.artifacts else None
        if path is not None and path.suffix == ".parquet":
            import pyarrow.parquet as pq  # as much as is needed of what pandas would bring

            return record, [
                {
                    name: None if isinstance(value, float) and not math.isfinite(value) else value
                    for name, value in row.items()
                }
                for row in pq.read_table(path).to_pylist()
            ]
    return None
