"""Which way a metric is better: by the scenario's criteria, and by the definitions of scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loopbook.store.records import Run


@dataclass(frozen=True)
class Direction:
    """Which way a metric is better, and who says so.

    Attributes
    ----------
    higher
        Whether more is better; None: what is nearer to `target` is.
    """

    higher: bool | None
    by: str
    target: float = 0.0

    def gain(self, a: float, b: float) -> float:
        """Return by how much B is better than A; negative: worse."""
        if self.higher is None:
            return abs(a - self.target) - abs(b - self.target)
        return b - a if self.higher else a - b

    @property
    def told(self) -> str:
        """What is better, in words."""
        return f"nearer to {self.target:g}" if self.higher is None else "more" if self.higher else "less"


def directions(a: Run, b: Run) -> tuple[Mapping[str, Direction], str]:
    """Return the direction of each metric that has one, and the headline's name (empty: none), which comes first.

    The headline is the score that the first criterion on a score speaks of; of an interval's end, the score itself.
    """
    from loopbook.statistics import metrics

    by_criterion = {
        f"{each.stage} {each.metric}": Direction(
            None if each.comparison == "==" else each.comparison in (">", ">="), "criterion", each.threshold
        )
        for run in (a, b)
        for each in run.criteria
    }
    defined = {
        f"04_optimization test_{name}": Direction(
            metrics.METRICS[name].direction.better == "higher", "definition of the score"
        )
        for name in metrics.scores()
    }
    wanted = (name.removesuffix("_low").removesuffix("_high") for name in by_criterion)
    headline = next((name for name in wanted if name in defined), "")
    first = {headline: by_criterion.get(headline, defined[headline])} if headline else {}
    return first | defined | by_criterion, headline
