"""Tables and figures of the study of small models: what each variant loses, what it costs to run, what pays."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.models.shipping.variants import FLOAT32, VARIANTS
from loopbook.statistics import metrics

Cost = Literal["MB", "p50_ms", "peak_MB"]
_AXES = {
    "MB": "size of what is shipped in MB",
    "p50_ms": "median time of a decision in ms",
    "peak_MB": "most memory of the process in MB",
}
_CLEARLY = 0.9  # of a cost this share or less is a saving, beyond what measuring again would give


@dataclass(frozen=True)
class Board:
    """Variants of a model beside each other.

    Attributes
    ----------
    table
        As `choice.small_models.lost` returns it, with ``MB``, ``p50_ms``, ``p99_ms``, ``rows_per_second``, ``load_ms``
        and ``peak_MB``.
    primary
        The metric.
    """

    table: pd.DataFrame
    primary: metrics.Metric

    @classmethod
    def of(cls, lost: pd.DataFrame, costs: pd.DataFrame) -> "Board":
        """Return what `choice.small_models.lost` and `footprint.table` say of the same variants."""
        table = lost.join(costs)
        table = table.assign(MB=table["bytes"] / 1e6, peak_MB=table["peak_bytes"] / 1e6)
        return cls(table.drop(columns=["bytes", "peak_bytes"]), metrics.METRICS[str(lost.columns[0])])

    def helps(self) -> pd.DataFrame:
        """Return what each variant is, and what it saves of what float32 costs: size, time, memory, or nothing."""
        share = self.table[list(_AXES)] / self.table.loc[FLOAT32, list(_AXES)]
        said = [
            ", ".join(
                f"{what} {value:.0%}"
                for what, value in zip(("size", "time", "memory"), row, strict=True)
                if value <= _CLEARLY
            )
            for row in share.to_numpy()
        ]
        names = [str(name) for name in share.index]
        return pd.DataFrame(
            {"what": [VARIANTS[name].what for name in names], "of float32": [text or "saves nothing" for text in said]},
            index=share.index,
        )

    def front(self, cost: Cost) -> list[str]:
        """Return the variants that no other one beats in quality and cost at once (Pareto), the cheapest first."""
        best, found = -np.inf, []
        quality = -np.array([self.primary.direction.loss(float(value)) for value in self.table[self.primary.name]])
        order = self.table.assign(quality=quality).sort_values([cost, "quality"], ascending=[True, False])
        for name, reached in order["quality"].items():
            if reached > best:
                best = reached
                found.append(str(name))
        return found

    def picture(self, cost: Cost, split: str = "test") -> Figure:
        """Draw quality against a cost, with the line of those that no other one beats."""
        names, table, metric = self.front(cost), self.table, self.primary.name
        line = table.loc[names]
        beaten = [str(name) for name in table.index if name not in names]
        return plots.lines(
            {"no other is better and cheaper": (line[cost], line[metric])},
            marks={str(name): (float(row[cost]), float(row[metric])) for name, row in table.iterrows()},
            title=f"{', '.join(names)}: no other is better and cheaper"
            + (f"; {', '.join(beaten)} {'is' if len(beaten) == 1 else 'are'} beaten" if beaten else ""),
            x=_AXES[cost],
            y=f"{self.primary.title} on {split}",
            alt=f"{self.primary.title} on {split} of each variant against the {_AXES[cost]}.",
        )
