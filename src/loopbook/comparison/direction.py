"""Direction of a recorded metric: an acceptance criterion says which way is better, else the metric's definition."""

from collections.abc import Iterable, Mapping
from typing import Literal

from loopbook.statistics import metrics
from loopbook.store.records import Run

_BETTER: Mapping[str, Literal["higher", "lower", "nearer"]] = {
    ">=": "higher", ">": "higher", "<=": "lower", "<": "lower", "==": "nearer",
}  # fmt: skip


def by_criteria(runs: Iterable[Run]) -> dict[str, metrics.Direction]:
    """Return the directions that acceptance criteria give, by stage and metric, in the order of the criteria."""
    return {
        f"{criterion.stage} {criterion.metric}": metrics.Direction(
            _BETTER[criterion.comparison], "the acceptance criterion", criterion.threshold
        )
        for run in runs
        for criterion in run.criteria
    }


def of(name: str, criteria: Mapping[str, metrics.Direction]) -> metrics.Direction | None:
    """Return the direction of a metric named by stage and name; None where nothing gives it one."""
    metric = metrics.recorded_as(name.partition(" ")[2])
    return criteria.get(name) or (metric.direction if metric else None)
