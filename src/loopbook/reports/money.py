"""Policy costs with their intervals, and alerts, read from the artifacts of the stages that wrote them."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loopbook.reports import chart
from loopbook.reports.overview import number
from loopbook.store.records import Run, StageRecord

POLICIES, ALERTS = "policies", "alerts"
"""Names of the artifacts."""

_SHOWN = 50  # alerts that a page lists
_FAR = 5  # times the middle cost beyond which a policy is listed, but not drawn


def money(run: Run, data: Path) -> dict[str, Any] | None:
    """Return the policies held against each other; None if the run has no such artifact (any more).

    Returns
    -------
    dict or None
        ``finding`` is the sentence that says it, ``drawing`` the costs, ``policies`` the rows of the artifact, the
        cheapest first, each with whether it is ``chosen``.
    """
    found = _rows(run, data, POLICIES)
    if found is None or not found[1]:
        return None
    stage, rows = found
    taken = stage.metrics.get("policy")
    policies = sorted(({**row, "chosen": row["policy"] == taken} for row in rows), key=lambda row: row["cost"])
    middle = policies[len(policies) // 2]["cost"]
    drawn = [row for row in policies if row["cost"] <= _FAR * max(middle, 0) or row["chosen"]]
    finding = _finding(policies, stage.metrics)
    bars = [(row["policy"], row["cost"], row["low"], row["high"]) for row in drawn]
    title = "Cost a decision, with its 95 % interval"
    drawing = chart.intervals(title, bars, [str(taken)], alt=f"{title}. {finding}")
    return {"finding": finding, "drawing": drawing, "policies": policies}


def alerts(run: Run, data: Path) -> dict[str, Any] | None:
    """Return the alerts of a run; None if the run has no such artifact (any more).

    Returns
    -------
    dict or None
        ``rows`` of the artifact, each with the interval of its cost as a text ``between``; ``left_out`` is how many a
        page has no room for.
    """
    found = _rows(run, data, ALERTS)
    if found is None:
        return None
    _, rows = found
    shown = [{**row, "between": _between(row.get("cost_low"), row.get("cost_high"))} for row in rows[:_SHOWN]]
    return {"rows": shown, "left_out": len(rows) - len(shown)}


def _between(low: Any, high: Any) -> str:
    return f"{number(low)} to {number(high)}" if low is not None and high is not None else ""


def _finding(policies: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any]) -> str:
    cheapest = policies[0]
    chosen = next((row for row in policies if row["chosen"]), None)
    least = number(cheapest["cost"])
    if chosen is None or chosen is cheapest:
        said = f"{cheapest['policy']}{', which the agent follows,' if chosen else ''} is the cheapest: "
        said += f"{least} a decision ({_between(cheapest['low'], cheapest['high'])})."
    else:
        said = f"The agent follows {chosen['policy']}: {number(chosen['cost'])} a decision "
        said += f"({_between(chosen['low'], chosen['high'])}); on these rows {cheapest['policy']} would have been "
        said += f"cheapest, {least}."
    saving, low, high = (metrics.get(f"saving_per_decision{end}") for end in ("", "_low", "_high"))
    if isinstance(saving, int | float) and isinstance(low, int | float) and isinstance(high, int | float):
        sure = "beyond chance" if low > 0 else "a loss beyond chance" if high < 0 else "which could be chance"
        said += f" Against the better of always and never it saves {number(float(saving))} a decision "
        said += f"({number(float(low))} to {number(float(high))}), {sure}."
    return said[:1].upper() + said[1:]


def _rows(run: Run, data: Path, name: str) -> tuple[StageRecord, list[dict[str, Any]]] | None:
    """Return the stage that wrote a table, and its rows; what is no number in them is None, as where it is missing."""
    for record in run.stages.values():
        path = data / record.artifacts[name] if name in record.artifacts else None
        if path is not None and path.suffix == ".parquet" and path.is_file():
            import pyarrow.parquet as pq  # as much as is needed of what pandas would bring

            rows = pq.read_table(path).to_pylist()
            return record, [
                {
                    name: None if isinstance(value, float) and not math.isfinite(value) else value
                    for name, value in row.items()
                }
                for row in rows
            ]
    return None
