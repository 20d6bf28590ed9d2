"""From each requirement to its evidence: met, missed, or not tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

import pandas as pd

from loopbook.scenario.errors import suggest
from loopbook.scenario.stories import Story
from loopbook.store.records import NO_FRESH_ROWS

MET, MISSED, UNTESTED, NO_CRITERION = "met", "missed", "not yet tested", "no criterion"
NOT_ON_PROTOTYPE = "not testable on a prototype"
STALE = f"not tested: {NO_FRESH_ROWS}"
_COLUMNS = [
    "story",
    "criterion",
    "text",
    "stage",
    "metric",
    "comparison",
    "threshold",
    "value",
    "margin",
    "verdict",
    "note",
]


def matrix(stories: Sequence[Story], evidence: Mapping[tuple[str, str], float | None]) -> pd.DataFrame:
    """Lay the evidence beside every acceptance criterion.

    Parameters
    ----------
    stories
        The scenario's stories.
    evidence
        What the stages have recorded, by stage and metric: ``{("04_optimization", "test_accuracy"): 0.91}``. A stage
        whose ``fresh_rows`` is False was measured on the rows that it was changed by: its values prove nothing.

    Returns
    -------
    DataFrame
        One row a criterion, and one for each story without any: `story`, `criterion`, `text`, `stage`, `metric`,
        `comparison`, `threshold`, `value` (NaN if there is none), `margin` (distance to the threshold, positive on the
        good side; NaN for ``==`` and for what is not tested), `verdict`, and `note`: why there is no evidence, or
        which metric was probably meant.
    """
    stages = {stage for stage, _ in evidence}
    rows: list[dict[str, object]] = []
    for story in stories:
        if not story.criteria:
            note = "Nobody can tell whether this story is fulfilled; give it a criterion."
            rows.append({"story": story.id, "verdict": NO_CRITERION, "note": note})
        for each in story.criteria:
            value = evidence.get((each.stage, each.metric))
            row: dict[str, object] = {
                "story": story.id,
                "criterion": each.id,
                **each.model_dump(include={"text", "stage", "metric", "comparison", "threshold"}),
            }
            if value is not None and isfinite(value) and evidence.get((each.stage, "fresh_rows")) == 0:
                note = f"What was approved last was found on the very rows that {each.stage} judges by."
                rows.append(row | {"value": float(value), "verdict": STALE, "note": note})
                continue
            if value is not None and isfinite(value):
                sign = {">": 1, "<": -1}.get(each.comparison[0])
                margin = None if sign is None else sign * (value - each.threshold)
                verdict, note = (MET if each.met(value) else MISSED), ""
                rows.append(row | {"value": float(value), "margin": margin, "verdict": verdict, "note": note})
                continue
            if each.stage not in stages:
                note = f"{each.stage} has not recorded anything yet."
            elif (each.stage, each.metric) in evidence:
                note = f"{each.stage} recorded {each.metric} without a number."
            else:
                known = [metric for stage, metric in evidence if stage == each.stage]
                note = f"{each.stage} does not record {each.metric!r}.{suggest(each.metric, known)}"
            rows.append(row | {"verdict": UNTESTED, "note": note})
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    texts = ["criterion", "text", "stage", "metric", "comparison", "note"]
    frame[texts] = frame[texts].fillna("")
    return frame.astype({"threshold": "float64", "value": "float64", "margin": "float64"})


def on_prototype(stories: Sequence[Story], metrics: Mapping[str, float]) -> pd.DataFrame:
    """Score a prototype against every criterion, whichever stage will give the evidence later.

    Parameters
    ----------
    stories
        The scenario's stories.
    metrics
        What `prototype.metrics` returned; its names are those of the stages.

    Returns
    -------
    DataFrame
        As `matrix` returns it; what a prototype cannot show, a latency or a leak for instance, is *not testable on a
        prototype*.
    """
    criteria = [criterion for story in stories for criterion in story.criteria]
    evidence = {(each.stage, each.metric): metrics[each.metric] for each in criteria if each.metric in metrics}
    found = matrix(stories, evidence)
    absent = found["verdict"] == UNTESTED
    found.loc[absent, ["verdict", "note"]] = [NOT_ON_PROTOTYPE, ""]
    return found


def counts(traced: pd.DataFrame) -> dict[str, int]:
    """Return how many criteria are met, missed and untested, and how many stories have none, as flat numbers."""
    verdicts = traced["verdict"]
    return {
        "criteria_met": int((verdicts == MET).sum()),
        "criteria_missed": int((verdicts == MISSED).sum()),
        "criteria_untested": int(verdicts.isin([UNTESTED, STALE, NOT_ON_PROTOTYPE]).sum()),
        "stories_without_criterion": int((verdicts == NO_CRITERION).sum()),
    }
