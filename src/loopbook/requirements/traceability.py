"""Traceability matrix: from each requirement to its evidence, met, missed, or not tested."""

from collections.abc import Mapping, Sequence
from math import isfinite

import pandas as pd

from loopbook.scenario.errors import suggest
from loopbook.scenario.stories import Criterion, Story
from loopbook.store.records import NO_FRESH_ROWS

MET, MISSED, UNTESTED, NO_CRITERION = "met", "missed", "not yet tested", "no criterion"
NOT_ON_PROTOTYPE = "not testable on a prototype"
TOO_FEW_DAYS = "not tested: too few days for both answers (requirements.days)"
STALE = f"not tested: {NO_FRESH_ROWS}"
_COLUMNS = [
    *("story", "criterion", "text", "stage", "metric", "comparison", "threshold"),
    *("value", "margin", "verdict", "note"),
]
Evidence = Mapping[tuple[str, str], float | None]


def matrix(stories: Sequence[Story], evidence: Evidence) -> pd.DataFrame:
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
    rows: list[dict[str, object]] = []
    for story in stories:
        if not story.criteria:
            note = "Nobody can tell whether this story is fulfilled; give it a criterion."
            rows.append({"story": story.id, "verdict": NO_CRITERION, "note": note})
        for criterion in story.criteria:
            stated = criterion.model_dump(include={"text", "stage", "metric", "comparison", "threshold"})
            rows.append({"story": story.id, "criterion": criterion.id, **stated, **_judged(criterion, evidence)})
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    texts = ["criterion", "text", "stage", "metric", "comparison", "note"]
    frame[texts] = frame[texts].fillna("")
    return frame.astype({"threshold": "float64", "value": "float64", "margin": "float64"})


def _judged(criterion: Criterion, evidence: Evidence) -> dict[str, object]:
    """Return the value of a criterion, its margin, the verdict, and why there is no evidence."""
    value = evidence.get((criterion.stage, criterion.metric))
    if value is None or not isfinite(value):
        return {"verdict": UNTESTED, "note": _absence(criterion, evidence)}
    if evidence.get((criterion.stage, "fresh_rows")) == 0:
        note = f"What was approved last was found on the very rows that {criterion.stage} judges by."
        return {"value": float(value), "verdict": STALE, "note": note}
    sign = {">": 1, "<": -1}.get(criterion.comparison[0])
    margin = None if sign is None else sign * (value - criterion.threshold)
    return {"value": float(value), "margin": margin, "verdict": MET if criterion.met(value) else MISSED}


def _absence(criterion: Criterion, evidence: Evidence) -> str:
    """Say why a criterion has no evidence, or which metric was probably meant."""
    known = [metric for stage, metric in evidence if stage == criterion.stage]
    if not known:
        return f"{criterion.stage} has not recorded anything yet."
    if criterion.metric in known:
        return f"{criterion.stage} recorded {criterion.metric} without a number."
    return f"{criterion.stage} does not record {criterion.metric!r}.{suggest(criterion.metric, known)}"


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
        prototype*, and what its days cannot show, `TOO_FEW_DAYS`.
    """
    criteria = [criterion for story in stories for criterion in story.criteria]
    evidence = {
        (criterion.stage, criterion.metric): metrics[criterion.metric]
        for criterion in criteria
        if criterion.metric in metrics
    }
    found = matrix(stories, evidence)
    absent = found["verdict"] == UNTESTED
    found.loc[absent, ["verdict", "note"]] = [NOT_ON_PROTOTYPE, ""]
    found.loc[absent & found["metric"].isin(metrics), "verdict"] = TOO_FEW_DAYS
    return found


def counts(traced: pd.DataFrame) -> dict[str, int]:
    """Return how many criteria are met, missed and untested, and how many stories have none, as flat numbers."""
    verdicts = traced["verdict"]
    return {
        "criteria_met": int((verdicts == MET).sum()),
        "criteria_missed": int((verdicts == MISSED).sum()),
        "criteria_untested": int(verdicts.isin([UNTESTED, STALE, NOT_ON_PROTOTYPE, TOO_FEW_DAYS]).sum()),
        "stories_without_criterion": int((verdicts == NO_CRITERION).sum()),
    }
