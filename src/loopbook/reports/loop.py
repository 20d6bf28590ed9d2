"""The loop as a drawing: seven phases on a ring, each with the state of its stage in this run."""

import math
from dataclasses import dataclass

from loopbook.reports.overview import duration
from loopbook.reports.page import slug
from loopbook.store.records import Run, StageRecord

PHASES = (
    ("01_requirements", "Requirements"),
    ("02_data", "Data"),
    ("03_training", "Training"),
    ("04_optimization", "Optimisation"),
    ("05_decisions", "Decisions"),
    ("06_monitoring", "Monitoring"),
    ("07_feedback", "Feedback"),
)
STATES = {
    "done": ("computed", "✓"),
    "fresh": ("unchanged", "✓"),
    "failed": ("failed", "✗"),
    "skipped": ("not executed", "–"),
    "absent": ("not in this run", ""),
}
"""What each state is called and its sign, so that colour is never the only sign."""

_WIDTH, _HEIGHT, _RADIUS, _NODE = 430, 300, 104, 19


@dataclass(frozen=True)
class Node:
    """A phase on the ring, in the drawing's own units; `more` stands on a line of its own, so that no line is cut."""

    number: str
    name: str
    state: str
    word: str
    sign: str
    more: str
    note: str
    link: str
    x: float
    y: float
    text_x: float
    text_y: float
    anchor: str


@dataclass(frozen=True)
class Ring:
    """The drawing: phases, and the arrows from each to the next as SVG paths."""

    width: int
    height: int
    middle: float
    nodes: tuple[Node, ...]
    arrows: tuple[tuple[str, bool], ...]


def ring(run: Run, pages: frozenset[str]) -> Ring:
    """Lay out the loop of a run.

    Parameters
    ----------
    run
        Its stages give the states.
    pages
        Names of the pages that exist; a phase without one is not linked.
    """
    nodes, arrows = [], []
    middle_x, middle_y = _WIDTH / 2, _HEIGHT / 2 + 20
    step = 2 * math.pi / len(PHASES)
    for at, (stage, name) in enumerate(PHASES):
        records = [record for record in run.stages.values() if record.stage == stage]
        angle = at * step - math.pi / 2
        cos, sin = math.cos(angle), math.sin(angle)
        top = at == 0  # its name stands above it, those of the others beside them
        beside = math.copysign(_NODE + 8, cos)
        state = state_of(records)
        word, sign = STATES[state]
        own = [slug(record) for record in records if slug(record) in pages]
        further = [] if state in ("absent", "skipped") else [duration(sum(record.seconds for record in records))]
        if len(records) > 1:
            further = [word, *further] if state in ("failed", "skipped") else further
            word = f"{len(records)} candidates"
        more = ", ".join(further)
        nodes.append(
            Node(
                number=stage[:2].lstrip("0"),
                name=name,
                state=state,
                word=word,
                sign=sign,
                more=more,
                note=f"{name}: {word}" + (f", {more}" if more else ""),
                link="#stages" if len(own) > 1 else f"{own[0]}.html" if own else "",
                x=round(middle_x + _RADIUS * cos, 1),
                y=round(middle_y + _RADIUS * sin, 1),
                text_x=round(middle_x + _RADIUS * cos + (0 if top else beside), 1),
                text_y=round(middle_y + _RADIUS * sin - (_NODE + 21 if top else 1), 1),
                anchor="middle" if top else "start" if cos > 0 else "end",
            )
        )
        gap = (_NODE + 6) / _RADIUS
        begin, end = angle + gap, angle + step - gap - 0.03
        path = (
            f"M{middle_x + _RADIUS * math.cos(begin):.1f} {middle_y + _RADIUS * math.sin(begin):.1f}"
            f"A{_RADIUS} {_RADIUS} 0 0 1 "
            f"{middle_x + _RADIUS * math.cos(end):.1f} {middle_y + _RADIUS * math.sin(end):.1f}"
        )
        arrows.append((path, state not in ("absent", "skipped")))
    return Ring(_WIDTH, _HEIGHT, middle_y, tuple(nodes), tuple(arrows))


def state_of(records: list[StageRecord]) -> str:
    """Return the state that stands for several stages of one phase: the worst counts."""
    found = {record.state for record in records}
    return next((state for state in ("failed", "skipped", "done", "fresh") if state in found), "absent")
