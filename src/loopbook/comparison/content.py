"""What differs between two runs besides their results: code, settings and packages, and the data itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from loopbook.runner import staleness
from loopbook.runner.execution import PARTS
from loopbook.store import content
from loopbook.store.project import Project
from loopbook.store.records import Run

if TYPE_CHECKING:
    import pandas as pd

TABLES = (("02_data", "train"), ("02_data", "test"), ("02_data", "stream"), ("05_decisions", "decisions"))
_LEVELS = 50  # values beyond which a column is text: its distribution is not compared value by value


@dataclass(frozen=True)
class Column:
    """A column, or the rows, of a table in both runs; `psi` is None where there is no distribution to compare."""

    table: str
    column: str
    a: str
    b: str
    psi: float | None


def code(project: Project, a: Run, b: Run) -> list[str]:
    """Return a line for each cell, function, setting and package that differs, by what the keys are made of."""
    found: dict[str, None] = {}
    for name in dict.fromkeys((*a.stages, *b.stages)):
        old, new = a.stages.get(name), b.stages.get(name)
        if old is None or new is None:
            found[f"{name} is only in {'B' if old is None else 'A'}"] = None
            continue
        if old.key == new.key:
            continue
        files = [project.store / each.stage / each.key / PARTS for each in (old, new)]
        if not all(each.is_file() for each in files):
            found[f"{name}: other key; what it was made of is not in the store any more"] = None
            continue
        was, now = (json.loads(each.read_text(encoding="utf-8")) for each in files)
        notebook = f"notebooks/{old.stage}.ipynb"
        found |= dict.fromkeys(
            chain.from_iterable(staleness.made_differently(was, now, notebook, project.root).values())
        )
    return list(found)


def data(project: Project, a: Run, b: Run) -> list[Column]:
    """Return rows and columns of the tables of both runs, with the drift measure of monitoring."""
    found = []
    for stage, artifact in TABLES:
        frames = [_frame(project, run, stage, artifact) for run in (a, b)]
        if frames[0] is None or frames[1] is None:
            continue
        old, new = frames[0], frames[1]
        found.append(Column(artifact, "rows", f"{len(old):,}", f"{len(new):,}", None))
        for name in dict.fromkeys((*old.columns, *new.columns)):
            if name not in old or name not in new:
                sides = ["there" if name in each else "–" for each in (old, new)]
                found.append(Column(artifact, str(name), sides[0], sides[1], None))
                continue
            found += _column(artifact, str(name), old[name], new[name])
    return found


def _column(table: str, name: str, old: pd.Series, new: pd.Series) -> list[Column]:
    import numpy as np
    import pandas as pd

    from loopbook.monitoring import drift

    if name in ("row_id", "decision_id", "time", "group"):
        return []
    if pd.api.types.is_numeric_dtype(old) and pd.api.types.is_numeric_dtype(new) and old.nunique() > 2:
        base, now = (each.to_numpy("float64", na_value=np.nan) for each in (old, new))
        inner = (
            np.unique(np.nanquantile(base, np.linspace(0, 1, drift.BINS + 1)[1:-1]))
            if old.notna().any()
            else np.array([])
        )
        counts = [
            np.append(
                np.bincount(np.searchsorted(inner, each[~np.isnan(each)], "right"), minlength=len(inner) + 1),
                np.isnan(each).sum(),
            )
            for each in (now, base)
        ]
        said = [f"mean {np.nanmean(each):.4g}" if (~np.isnan(each)).any() else "empty" for each in (base, now)]
        return [Column(table, name, said[0], said[1], drift.index(counts[0].astype(float), counts[1].astype(float)))]
    values = [each.map(str) for each in (old, new)]  # a missing value is a value of its own
    if values[0].nunique() > _LEVELS:
        return []
    both = sorted({*values[0], *values[1]})
    tallies = [each.value_counts().reindex(both, fill_value=0).to_numpy("float64") for each in values]
    said = [
        f"{both[int(each.argmax())][:40]}: {each.max() / max(each.sum(), 1):.1%}" if each.sum() else "empty"
        for each in tallies
    ]
    return [
        Column(table, name, said[0], said[1], drift.index(tallies[1].astype("float64"), tallies[0].astype("float64")))
    ]


def _frame(project: Project, run: Run, stage: str, artifact: str) -> pd.DataFrame | None:
    record = run.stages.get(stage)
    place = project.data / record.artifacts[artifact] if record and artifact in record.artifacts else None
    return content.load(place) if place is not None and place.exists() else None
