"""The rows that two runs were measured on: whether others came in, and what the drawn ones explain."""

import pandas as pd

from loopbook.comparison.metric import Band, Metric
from loopbook.statistics import evaluation, metrics
from loopbook.store import content, vault
from loopbook.store.project import Project
from loopbook.store.records import Run


def other(a: Run, b: Run) -> bool:
    """Say whether other rows came in: another profile, round, source, or other corrections and outcomes."""
    came = [
        {name: digest for name, digest in run.stages["02_data"].inputs.items() if name != "spec"}
        for run in (a, b)
        if "02_data" in run.stages
    ]
    return (a.profile, a.round) != (b.profile, b.round) or any(inputs != came[0] for inputs in came)


def paired(project: Project, a: Run, b: Run) -> Metric | None:
    """Return the paired difference of the agents' primary metric on the stream's labelled rows, if they are the same.

    The band is of the losing side only: B is worse where the whole interval lies below zero.
    """
    first, second = (_labelled(project, run) for run in (a, b))
    if first is None or second is None or set(first.index) != set(second.index) or a.task != b.task:
        return None
    second = second.loc[first.index]
    y = first["label"].astype(object)
    if not (y == second["label"].astype(object)).all() or y.nunique() < 2:
        return None
    primary = metrics.primary(a.task)
    p, q = (_judged(project, run, labelled) for run, labelled in ((a, first), (b, second)))
    if p is None or q is None:
        return None
    if a.task in metrics.MANY:
        names = tuple(dict.fromkeys((*p.columns, *q.columns)))
        p, q = (each.reindex(columns=list(names), fill_value=0.0) for each in (p, q))
        y = y.map(names.index)
    label, old, new = (each.to_numpy("float64").squeeze() for each in (y, p, q))
    groups = first["group"].to_numpy() if "group" in first else None
    before, after = (metrics.score(primary.name, label, each) for each in (old, new))
    gain = evaluation.paired(label, new, old, primary.name, groups)
    band = Band(gain.high - gain.value, "rows")
    return Metric(f"05_decisions paired {primary.name}", before, after, primary.direction, band)


def _judged(project: Project, run: Run, labelled: pd.DataFrame) -> pd.DataFrame | None:
    """Return what the primary metric judges of each decision: a probability, one a class, or the predicted number."""
    if run.task in metrics.MANY:
        scores = table(project, run, "05_decisions", "scores")
        return None if scores is None else scores.set_index("row_id").reindex(labelled.index)
    name = "value" if run.task == "number" else "probability"
    return labelled[[name]] if name in labelled else None


def table(project: Project, run: Run, stage: str, name: str) -> pd.DataFrame | None:
    """Return a table that a stage of a run wrote; None if it is not in the store."""
    record = run.stages.get(stage)
    place = project.data / record.artifacts[name] if record and name in record.artifacts else None
    return content.load(vault.checked(place)) if place is not None and place.exists() else None


def _labelled(project: Project, run: Run) -> pd.DataFrame | None:
    """Return the decisions on rows whose label is known, by row; None if they are not in the store."""
    frame = table(project, run, "05_decisions", "decisions")
    if frame is None or not {"row_id", "label", "probability"} <= set(frame.columns):
        return None
    return frame.dropna(subset=["label", "probability"]).drop_duplicates("row_id").set_index("row_id")
