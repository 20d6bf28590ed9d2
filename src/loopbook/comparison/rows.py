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
    if first is None or second is None or set(first.index) != set(second.index) or first.empty:
        return None
    second = second.loc[first.index]
    if not (first["label"] == second["label"]).all() or set(first["label"]) != {0, 1}:
        return None
    primary = metrics.primary()
    y, p, q = (column.to_numpy("float64") for column in (first["label"], first["probability"], second["probability"]))
    groups = first["group"].to_numpy() if "group" in first else None
    old, new = (metrics.score(primary.name, y, probability) for probability in (p, q))
    _, low, high = evaluation.paired(y, q, p, primary.name, groups)
    half = high - (new - old) if primary.direction.better == "higher" else (new - old) - low
    return Metric(f"05_decisions paired {primary.name}", old, new, primary.direction, Band(half, "rows"))


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
