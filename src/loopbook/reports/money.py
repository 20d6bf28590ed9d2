"""Policy costs with their intervals, and alerts, read from the artifacts of the stages that wrote them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopbook.reports import chart
from loopbook.reports.chart import Intervals
from loopbook.reports.overview import number
from loopbook.store.records import Run, StageRecord

POLICIES, ALERTS = "policies", "alerts"
"""Names of the artifacts."""

_SHOWN = 50  # alerts that a page lists
_FAR = 5  # times the middle cost beyond which a policy is listed, but not drawn


@dataclass(frozen=True)
class Policy:
    """A policy on the stream: cost a decision with its interval, and what it did."""

    name: str
    cost: float
    low: float
    high: float
    acts: int | None
    reviews: int | None
    precision: float | None
    recall: float | None
    chosen: bool


@dataclass(frozen=True)
class Money:
    """The policies, the cheapest first, with the drawing and the sentence that says what it says."""

    finding: str
    drawing: Intervals | None
    policies: tuple[Policy, ...]
    stage: StageRecord


@dataclass(frozen=True)
class Alerts:
    """What the watch reported, with what it cost so far; `left_out` is how many a page has no room for."""

    rows: tuple[Mapping[str, Any], ...]
    left_out: int
    stage: StageRecord


def money(run: Run, data: Path) -> Money | None:
    """Return the policies held against each other; None if the run has no such artifact (any more)."""
    found = _rows(run, data, POLICIES)
    if found is None or not found[1]:
        return None
    stage, rows = found
    taken = stage.metrics.get("policy")
    policies = tuple(
        sorted(
            (
                Policy(
                    name=str(row["policy"]),
                    cost=float(row["cost"]),
                    low=float(row["low"]),
                    high=float(row["high"]),
                    acts=_whole(row.get("acts")),
                    reviews=_whole(row.get("reviews")),
                    precision=_known(row.get("precision")),
                    recall=_known(row.get("recall")),
                    chosen=row["policy"] == taken,
                )
                for row in rows
            ),
            key=lambda policy: policy.cost,
        )
    )
    middle = sorted(policy.cost for policy in policies)[len(policies) // 2]
    drawn = [policy for policy in policies if policy.cost <= _FAR * max(middle, 0) or policy.chosen]
    finding = _finding(policies, stage.metrics)
    bars = [(policy.name, policy.cost, policy.low, policy.high) for policy in drawn]
    title = "Cost a decision, with its 95 % interval"
    return Money(finding, chart.intervals(title, bars, [str(taken)], alt=f"{title}. {finding}"), policies, stage)


def alerts(run: Run, data: Path) -> Alerts | None:
    """Return the alerts of a run; None if the run has no such artifact (any more)."""
    found = _rows(run, data, ALERTS)
    if found is None:
        return None
    stage, rows = found
    shown = [{**row, "cost": _known(row.get("cost"))} for row in rows[:_SHOWN]]
    for row in shown:
        low, high = _known(row.get("cost_low")), _known(row.get("cost_high"))
        row["between"] = f"{number(low)} to {number(high)}" if low is not None and high is not None else ""
    return Alerts(tuple(shown), len(rows) - len(shown), stage)


def _finding(policies: Sequence[Policy], metrics: Mapping[str, Any]) -> str:
    cheapest = policies[0]
    chosen = next((policy for policy in policies if policy.chosen), None)
    if chosen is None or chosen is cheapest:
        said = f"{cheapest.name}{', which the agent follows,' if chosen else ''} is the cheapest: "
        said += f"{number(cheapest.cost)} a decision ({number(cheapest.low)} to {number(cheapest.high)})."
    else:
        said = f"The agent follows {chosen.name}: {number(chosen.cost)} a decision ({number(chosen.low)} to "
        said += (
            f"{number(chosen.high)}); on these rows {cheapest.name} would have been cheapest, {number(cheapest.cost)}."
        )
    saving, low, high = (metrics.get(f"saving_per_decision{end}") for end in ("", "_low", "_high"))
    if isinstance(saving, int | float) and isinstance(low, int | float) and isinstance(high, int | float):
        sure = "beyond chance" if low > 0 else "a loss beyond chance" if high < 0 else "which could be chance"
        said += f" Against the better of always and never it saves {number(float(saving))} a decision "
        said += f"({number(float(low))} to {number(float(high))}), {sure}."
    return said[:1].upper() + said[1:]


def _rows(run: Run, data: Path, name: str) -> tuple[StageRecord, list[dict[str, Any]]] | None:
    for record in run.stages.values():
        path = data / record.artifacts[name] if name in record.artifacts else None
        if path is not None and path.suffix == ".parquet" and path.is_file():
            import pyarrow.parquet as pq  # as much as is needed of what pandas would bring

            return record, pq.read_table(path).to_pylist()
    return None


def _known(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _whole(value: Any) -> int | None:
    known = _known(value)
    return None if known is None else int(known)
