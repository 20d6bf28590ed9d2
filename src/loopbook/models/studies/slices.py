"""Slices: how good a model is on parts of test that people can name, and on which it is worst."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from loopbook.data import features
from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.models.predictions import Floats
from loopbook.scenario.contract import Scenario
from loopbook.scenario.task import Task
from loopbook.statistics import bootstrap, metrics, targets
from loopbook.statistics.intervals import between

_PARTS = 4  # of lengths and of time
_SHOWN = 12


@dataclass(frozen=True)
class Slices:
    """Slices of a split.

    Attributes
    ----------
    table
        The worst first: `by`, `part`, `rows`, `value` of the metric with `low` and `high`, and by how much the slice is
        worse than all other rows, `worse`, with `worse_low` and `worse_high`, which hold for all slices together.
    """

    metric: metrics.Metric
    table: pd.DataFrame

    def figure(self) -> Figure:
        """Draw the worst slices."""
        shown = self.table.head(_SHOWN)
        names = [f"{by}: {part} ({rows:,})" for by, part, rows in shown[["by", "part", "rows"]].to_numpy()]
        found = self.table.iloc[0]
        if len(self.table) == 1:
            return plots.intervals(
                shown[["value", "low", "high"]].set_axis(pd.Index(names)),
                title="No part of test is large enough to be judged by itself",
                x=f"{self.metric.title} on test, with 95% interval",
                alt=f"{self.metric.title} of all rows of test with its interval.",
            )
        told = f"{found['worse']:.3f} ({between(found['worse_low'], found['worse_high'])})"
        return plots.intervals(
            shown[["value", "low", "high"]].set_axis(pd.Index(names)),
            title=f"Worst of {len(self.table)} slices: {names[0]}, worse than the others by {told}",
            x=f"{self.metric.title} on test, with 95% interval",
            alt=f"{self.metric.title} of the worst slices of test with their intervals.",
        )

    def figures(self) -> dict[str, float | str]:
        """Return the worst slice as flat values to record."""
        found = self.table.iloc[0]
        return {
            "slices": len(self.table),
            "worst_slice": f"{found['by']}: {found['part']}",
            **{f"worst_slice_{self.metric.name}{end}": found[of] for end, of in (("", "value"), ("_rows", "rows"))},
            **{f"worst_slice_{name}": found[name] for name in ("worse", "worse_low", "worse_high")},
        }


def slices(
    rows: pd.DataFrame, judged: Floats, scenario: Scenario, least: int, resamples: int, others: Sequence[str] = ()
) -> Slices:
    """Judge each slice of at least `least` rows, and the rest beside it, on the same resamples.

    The metric is the second of those that are reported (accuracy, mean absolute error), which exists on any rows; of a
    ranking, whose second needs whole lists, the first. All rows are one slice if there is no other.

    Parameters
    ----------
    rows
        A split in canonical form; groups are drawn whole.
    judged
        What a model says of them, as metrics judge it.
    scenario
        Its task, and its segments, whose values are slices.
    others
        Further columns whose values are slices.
    """
    task = scenario.task
    primary, *others_reported = (metrics.METRICS[name] for name in metrics.reported(task.type))
    metric = next((one for one in others_reported if "queries" not in one.needs), primary)
    every = [(by, part, np.asarray(inside)) for by, part, inside in _parts(rows, task, (*scenario.segments, *others))]
    kept = [each for each in every if least <= each[2].sum() <= len(rows) - least]
    kept = kept or [("all", "rows", np.ones(len(rows), bool))]
    function, y, p = metrics.computed(metric.name), targets.numbers(rows["label"]), targets.narrow(judged)
    table = []
    for by, part, inside in kept:

        def losses(weights: Floats, inside: "np.ndarray[tuple[int], np.dtype[np.bool_]]" = inside) -> Floats:
            return np.stack([function(y[of], p[of], 0.5, weights[:, of]) for of in (inside, ~inside)])

        own = losses(np.ones((1, len(rows))))[:, 0]
        drawn = np.concatenate(
            [losses(weights) for weights in bootstrap.weights(len(rows), rows["group"], resamples, 0)], axis=1
        )
        value = bootstrap.percentile(own[0], drawn[0], bootstrap.units(int(inside.sum()), rows["group"][inside]))
        apart, apart_drawn = (metric.direction.loss(each) for each in (own, drawn))
        worse = bootstrap.percentile(
            apart[0] - apart[1],
            apart_drawn[0] - apart_drawn[1],
            bootstrap.units(int(inside.sum()), rows["group"][inside]),
            0.05 / len(kept),
        )
        table.append((by, part, int(inside.sum()), *value, *worse))
    columns = ["by", "part", "rows", "value", "low", "high", "worse", "worse_low", "worse_high"]
    return Slices(metric, pd.DataFrame(table, columns=columns).sort_values("worse", ascending=False, ignore_index=True))


def _parts(rows: pd.DataFrame, task: Task, segments: Sequence[str]) -> Iterator[tuple[str, str, "pd.Series[bool]"]]:
    """Yield every slice: what it goes by, its name, and which rows are in it."""
    texts = [features.column(rows, field).fillna("").astype(str) for field in task.text_fields]
    if texts:
        words = sum((text.map(lambda said: len(said.split())) for text in texts), pd.Series(0, index=rows.index))
        yield from _quantiles("words", words, lambda end: f"{end:.0f}")
    if rows["time"].nunique() > 1:
        yield from _quantiles("time", rows["time"], lambda end: f"{end:%Y-%m-%d}")
    for column in dict.fromkeys([*segments, "group"]):
        names = rows[column].astype(str)
        for name in sorted(names.unique()):
            yield column, name, names == name


def _quantiles(
    by: str, values: "pd.Series[Any]", told: Callable[[Any], str]
) -> Iterator[tuple[str, str, "pd.Series[bool]"]]:
    """Yield parts of about equally many rows, named by their ends."""
    parts = pd.qcut(values.rank(method="dense"), _PARTS, labels=False, duplicates="drop")
    for _, inside in values.groupby(parts):
        yield (
            by,
            f"{told(inside.min())} to {told(inside.max())}",
            pd.Series(values.index.isin(inside.index), index=values.index),
        )
