"""Timeline of an agent's rounds, with what was changed before each and why; its runs as sparklines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loopbook.reports import chart
from loopbook.reports.overview import label, number
from loopbook.statistics import metrics
from loopbook.store.records import Run


@dataclass(frozen=True)
class Timeline:
    """An agent's rounds in one profile, the first first."""

    profile: str
    runs: tuple[Run, ...]
    panels: tuple[chart.Drawing, ...]

    primary: metrics.Metric

    @staticmethod
    def figures(run: Run) -> Mapping[str, Any]:
        """Return the recorded results of a run's stages as one."""
        return {
            name: value
            for record in run.stages.values()
            if record.candidate is None
            for name, value in record.metrics.items()
        }


def timeline(runs: Sequence[Run], newest: Run) -> Timeline | None:
    """Return the rounds that led to a run; None if it is one of the first round.

    Of a round that ran several times, the last run before the next round counts.

    Parameters
    ----------
    runs
        Records of one scenario, oldest first.
    newest
        The run whose way is shown.
    """
    way = [newest]
    for run in reversed(runs):
        older = run.started <= way[0].started and run.run != way[0].run
        if run.good and run.profile == newest.profile and older and run.round == way[0].round - 1:
            way.insert(0, run)
    if len(way) < 2:
        return None
    found = [Timeline.figures(run) for run in way]
    primary = metrics.primary(newest.task)
    quality = {
        "this round's champion": [figures.get(f"stream_{primary.name}") for figures in found],
        "the first round's, same rows": [figures.get(f"stream_{primary.name}_first_round") for figures in found],
    }
    cost = {"cost": [figures.get("cost_per_decision") for figures in found]}
    most = max(len(run.criteria) for run in way)
    panels = (
        _panel(f"Acceptance criteria met, of {most}", way, {"met": [_met(run) for run in way]}),
        _panel(f"{primary.title} on the round's own rows", way, quality),
        _panel("Cost a decision on the round's own rows", way, cost),
    )
    return Timeline(newest.profile, tuple(way), tuple(panel for panel in panels if panel is not None), primary)


def _met(run: Run) -> float:
    return float(sum(criterion.met is True for criterion in run.criteria))


def _panel(title: str, runs: Sequence[Run], named: Mapping[str, Sequence[Any]]) -> chart.Drawing | None:
    series = {
        name: [
            (float(place), float(value), f"round {runs[place].round}")
            for place, value in enumerate(values)
            if isinstance(value, int | float)
        ]
        for name, values in named.items()
    }
    return chart.lines(title, series, [(float(place), f"round {run.round}") for place, run in enumerate(runs)])


def sparks(runs: Sequence[Run]) -> tuple[tuple[str, str, chart.Drawing], ...]:
    """Return how the key numbers went over runs, the oldest first: name, last value, drawing."""
    series = {"Criteria met": [_met(run) for run in runs]}
    primary = metrics.primary(runs[-1].task if runs else "binary").name
    for name in (f"test_{primary}", f"cv_{primary}", "cost_per_decision"):
        values = [record.metrics.get(name) for run in runs for record in run.stages.values() if name in record.metrics]
        series[label(name)] = [float(value) for value in values if isinstance(value, int | float)]
    drawn = ((name, values, chart.spark(name, values)) for name, values in series.items())
    return tuple((name, number(values[-1]), line) for name, values, line in drawn if line is not None)
