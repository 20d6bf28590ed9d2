"""Evidence of acceptance criteria as pictures: the measured value with its interval, against the threshold."""

from typing import Any

from loopbook.reports import chart
from loopbook.reports.overview import number
from loopbook.store.records import CriterionRecord, Run

_WIDTH, _HEIGHT, _EDGE = 180, 30, 10


def pictures(run: Run) -> dict[str, dict[str, Any]]:
    """Return a drawing for each criterion whose metric was recorded with its interval, by the criterion's id."""
    return {criterion.id: drawn for criterion in run.criteria if (drawn := _picture(run, criterion)) is not None}


def _picture(run: Run, criterion: CriterionRecord) -> dict[str, Any] | None:
    record = run.stages.get(criterion.stage)
    about = criterion.metric.removesuffix("_low").removesuffix("_high")
    names = (about, f"{about}_low", f"{about}_high")
    value, low, high = (record.number(name) if record else None for name in names)
    if value is None or low is None or high is None:
        return None
    ends = (value, low, high, criterion.threshold)
    least, most = min(ends), max(ends)
    x = chart.scale(least, most if most > least else least + (abs(least) or 1.0), _EDGE, _WIDTH - _EDGE)
    verdict = f", {criterion.verdict}" if criterion.met is not None else ""
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "low": x(low),
        "high": x(high),
        "x": x(value),
        "threshold": x(criterion.threshold),
        "met": criterion.met,
        "alt": f"{number(value)}, 95% interval {number(low)} to {number(high)}; wanted {criterion.wanted}{verdict}",
    }
