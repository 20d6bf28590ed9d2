"""The rounds of an agent as a timeline: criteria, quality and cost of each, and what was changed before it and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loopbook.reports.overview import number
from loopbook.store.records import Run

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 300, 150, 46, 14, 14, 26


@dataclass(frozen=True)
class Point:
    """A value of one round, in the drawing's own units."""

    x: float
    y: float
    said: str


@dataclass(frozen=True)
class Panel:
    """A small drawing: one measure over the rounds, beside what it is compared with."""

    title: str
    legend: tuple[str, str]
    width: int
    height: int
    left: int
    points: tuple[Point, ...]
    others: tuple[Point, ...]
    rounds: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str], ...]

    @property
    def path(self) -> str:
        return _path(self.points)

    @property
    def other_path(self) -> str:
        return _path(self.others)

    @property
    def alt(self) -> str:
        """What the drawing says, in words."""
        return f"{self.title}: {'; '.join(point.said for point in self.points)}."


@dataclass(frozen=True)
class Timeline:
    """An agent's rounds in one profile, the first first."""

    profile: str
    runs: tuple[Run, ...]
    panels: tuple[Panel, ...]

    def figures(self, run: Run) -> Mapping[str, Any]:
        """Return the recorded results of a run's stages as one."""
        return _figures(run)


def timeline(runs: Sequence[Run], newest: Run) -> Timeline | None:
    """Return the rounds that led to a run; None if it is one of the first round.

    Of a round that ran several times, the last run before the next round counts.

    Parameters
    ----------
    runs
        Records of one scenario, oldest first.
    newest
        The run whose way is told.
    """
    way = [newest]
    for run in reversed(runs):
        older = run.started <= way[0].started and run.run != way[0].run
        if run.good and run.profile == newest.profile and older and run.round == way[0].round - 1:
            way.insert(0, run)
    if len(way) < 2:
        return None
    met = [float(sum(each.met is True for each in run.criteria)) for run in way]
    found = [_figures(run) for run in way]
    panels = (
        _panel(f"Acceptance criteria met, of {max(len(run.criteria) for run in way)}", way, met),
        _panel(
            "ROC AUC on the round's own rows",
            way,
            [each.get("stream_roc_auc") for each in found],
            [each.get("stream_roc_auc_first_round") for each in found],
            ("this round's champion", "the first round's, same rows"),
        ),
        _panel("Cost a decision on the round's own rows", way, [each.get("cost_per_decision") for each in found]),
    )
    return Timeline(newest.profile, tuple(way), tuple(panel for panel in panels if panel is not None))


def _figures(run: Run) -> dict[str, Any]:
    return {
        name: value
        for record in run.stages.values()
        if record.candidate is None
        for name, value in record.metrics.items()
    }


def _panel(
    title: str,
    runs: Sequence[Run],
    values: Sequence[Any],
    others: Sequence[Any] = (),
    legend: tuple[str, str] = ("", ""),
) -> Panel | None:
    known = [float(value) for value in (*values, *others) if isinstance(value, int | float)]
    if not known:
        return None
    least, most = min(known), max(known)
    span = most - least or abs(most) or 1.0
    step = (_WIDTH - _LEFT - _RIGHT) / (len(runs) - 1)

    def place(at: int) -> float:
        return round(_LEFT + at * step, 1)

    def level(value: float) -> float:
        return round(_HEIGHT - _BOTTOM - (value - least + 0.15 * span) / (1.3 * span) * (_HEIGHT - _TOP - _BOTTOM), 1)

    def points(series: Sequence[Any]) -> tuple[Point, ...]:
        return tuple(
            Point(place(at), level(float(value)), f"round {runs[at].round}: {number(value)}")
            for at, value in enumerate(series)
            if isinstance(value, int | float)
        )

    return Panel(
        title=title,
        legend=legend,
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        points=points(values),
        others=points(others),
        rounds=tuple((place(at), f"round {run.round}") for at, run in enumerate(runs)),
        ticks=tuple((level(value), number(value)) for value in dict.fromkeys((least, most))),
    )


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{point.x} {point.y}" for point in points) if points else ""
