"""The loop as a drawing: seven phases on a ring, each with the state of its stage in this run."""

import math
from collections.abc import Collection
from typing import Any

from loopbook.reports.overview import duration
from loopbook.reports.page import slug
from loopbook.store.records import SMOKE, Run, StageRecord

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
_MIDDLE = (_WIDTH / 2, _HEIGHT / 2 + 20)
_STEP = 2 * math.pi / len(PHASES)


def ring(run: Run, pages: Collection[str]) -> dict[str, Any]:
    """Lay out the loop of a run.

    Parameters
    ----------
    run
        Its stages give the states.
    pages
        Names of the pages that exist; a phase without one is not linked.

    Returns
    -------
    dict
        ``nodes``, the phases, and ``arrows`` from each to the next (SVG path, and whether it was taken), in units of
        ``width`` and ``height``, around ``middle``.
    """
    nodes = [_node(run, place, pages) for place in range(len(PHASES))]
    arrows = [(_arrow(place), node["state"] not in ("absent", "skipped")) for place, node in enumerate(nodes)]
    met, judged = (sum(found.met in verdicts for found in run.criteria) for verdicts in ((True,), (True, False)))
    centre = (f"{met} of {len(run.criteria)}", "criteria met")
    if run.profile == SMOKE and not judged:
        centre = ("smoke", "nothing judged")
    return {
        "width": _WIDTH, "height": _HEIGHT, "middle": _MIDDLE[1], "centre": centre, "nodes": nodes, "arrows": arrows,
    }  # fmt: skip


def _node(run: Run, place: int, pages: Collection[str]) -> dict[str, Any]:
    """Return a phase; what stands in ``more`` has a line of its own, so that no line is cut."""
    stage, name = PHASES[place]
    records = [record for record in run.stages.values() if record.stage == stage]
    state = state_of(records)
    word, sign = STATES[state]
    further = [] if state in ("absent", "skipped") else [duration(sum(record.seconds for record in records))]
    if len(records) > 1:
        further = [word, *further] if state in ("failed", "skipped") else further
        word = f"{len(records)} candidates"
    mood = ""
    if state in ("done", "fresh"):
        verdicts = [found.met for found in run.criteria if found.stage == stage and found.met is not None]
        missed, mood = verdicts.count(False), "met" if verdicts else "unjudged"
        if verdicts:
            further = [word, *further]
            word = f"{missed} of {len(verdicts)} missed" if missed else f"{len(verdicts)} met"
        if missed:
            mood, sign = "missed", "✗"
    more = ", ".join(further)
    own = [slug(record) for record in records if slug(record) in pages]
    x, y = _at(_STEP * place)
    top, right = place == 0, x > _MIDDLE[0]  # the first one's name stands above it, those of the others beside them
    return {
        "number": stage[:2].lstrip("0"),
        "name": name,
        "state": state,
        "mood": mood,
        "word": word,
        "sign": sign,
        "more": more,
        "note": f"{name}: {word}" + (f", {more}" if more else ""),
        "link": "#stages" if len(own) > 1 else f"{own[0]}.html" if own else "",
        "x": round(x, 1),
        "y": round(y, 1),
        "text_x": round(x if top else x + math.copysign(_NODE + 8, x - _MIDDLE[0]), 1),
        "text_y": round(y - (_NODE + 21 if top else 1), 1),
        "anchor": "middle" if top else "start" if right else "end",
    }


def _arrow(place: int) -> str:
    """Return the arc from a phase to the next."""
    gap = (_NODE + 6) / _RADIUS
    (from_x, from_y), (to_x, to_y) = _at(_STEP * place + gap), _at(_STEP * (place + 1) - gap - 0.03)
    return f"M{from_x:.1f} {from_y:.1f}A{_RADIUS} {_RADIUS} 0 0 1 {to_x:.1f} {to_y:.1f}"


def _at(angle: float) -> tuple[float, float]:
    """Return a point of the ring; the angle goes clockwise from the top."""
    turned = angle - math.pi / 2
    return _MIDDLE[0] + _RADIUS * math.cos(turned), _MIDDLE[1] + _RADIUS * math.sin(turned)


def state_of(records: list[StageRecord]) -> str:
    """Return the state that stands for several stages of one phase: the worst counts."""
    found = {record.state for record in records}
    return next((state for state in ("failed", "skipped", "done", "fresh") if state in found), "absent")
