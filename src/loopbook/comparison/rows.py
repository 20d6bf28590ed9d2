"""The rows that two runs were measured on: whether others came in, and what the drawn ones explain."""

from __future__ import annotations

from loopbook.comparison.direction import Direction
from loopbook.comparison.metric import Band, Metric
from loopbook.store import content
from loopbook.store.project import Project
from loopbook.store.records import Run

PAIRED = "05_decisions paired roc_auc"


def other(a: Run, b: Run) -> bool:
    """Say whether other rows came in: another profile, round, source, or other corrections and outcomes."""
    came = [
        {name: digest for name, digest in run.stages["02_data"].inputs.items() if name != "spec"}
        for run in (a, b)
        if "02_data" in run.stages
    ]
    return (a.profile, a.round) != (b.profile, b.round) or any(each != came[0] for each in came)


def paired(project: Project, a: Run, b: Run) -> Metric | None:
    """Return the paired difference of the agents' ROC AUC on the labelled rows of the stream, if they are the same."""
    frames = []
    for run in (a, b):
        record = run.stages.get("05_decisions")
        place = record.artifacts.get("decisions") if record else None
        if place is None or not (project.data / place).exists():
            return None
        frame = content.load(project.data / place)
        if not {"row_id", "label", "probability"} <= set(frame.columns):
            return None
        frames.append(frame.dropna(subset=["label", "probability"]).drop_duplicates("row_id").set_index("row_id"))
    first, second = frames
    if set(first.index) != set(second.index) or first.empty:
        return None
    second = second.loc[first.index]
    if not (first["label"] == second["label"]).all() or set(first["label"]) != {0, 1}:
        return None
    from loopbook.statistics import evaluation

    y, p, q = (each.to_numpy("float64") for each in (first["label"], first["probability"], second["probability"]))
    groups = first["group"].to_numpy() if "group" in first else None
    _, _, high = evaluation.paired(y, q, p, groups=groups)
    old, new = (float(evaluation.metrics(y, each, resamples=0, only=["roc_auc"])["value"].iloc[0]) for each in (p, q))
    # Worse where the whole interval lies below zero: its upper end is the band's distance from the difference.
    return Metric(PAIRED, old, new, Direction(True, "definition of the score"), Band(high - (new - old), "rows"))
