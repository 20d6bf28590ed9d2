"""What differs between the data of two runs: rows, columns, and the distribution of each column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loopbook.comparison.repeats import Say
from loopbook.reports import chart
from loopbook.reports.chart import Chart
from loopbook.store import content
from loopbook.store.project import Project
from loopbook.store.records import Run

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TABLES = (("02_data", "train"), ("02_data", "test"), ("02_data", "stream"), ("05_decisions", "decisions"))
_LEVELS = 50  # values beyond which a column is text: its lengths are compared, not its values
_NAMES = ("row_id", "decision_id", "group")  # names of rows have no distribution
_SHOWN = 3  # values of a column that are told, the most frequent
_BARS = 24  # of a histogram
_LEAST = 0.001  # index from which a distribution differs: what a page shows as 0.000 is none
_DRAWN = 6  # distributions of a table that are drawn, those that differ most


@dataclass(frozen=True)
class Column:
    """A column in both runs, in words; `psi` is None where there is no distribution to compare."""

    name: str
    a: str
    b: str
    psi: float | None = None
    drawing: Chart | None = None

    @property
    def moved(self) -> bool:
        """Whether it differs: by the drift measure, or where there is none by its words."""
        return self.a != self.b if self.psi is None else self.psi >= _LEAST


@dataclass(frozen=True)
class Table:
    """A table of both runs.

    Attributes
    ----------
    rows, width
        Numbers of rows and of columns in A and in B.
    same
        Whether its content is the same (by digest); then `columns` is empty, because nothing differs.
    columns
        Those that differ most first.
    """

    name: str
    rows: tuple[int, int]
    width: tuple[int, int]
    same: bool
    columns: tuple[Column, ...] = ()

    @property
    def drawings(self) -> tuple[Chart, ...]:
        """The distributions that differ most, the greatest difference first."""
        return tuple(each.drawing for each in self.columns if each.moved and each.drawing is not None)[:_DRAWN]


def tables(project: Project, a: Run, b: Run, say: Say = lambda _: None) -> list[Table]:
    """Return what the tables of two runs hold, with the drift measure of monitoring; those that both runs have."""
    found = []
    for stage, name in TABLES:
        frames = [_frame(project, run, stage, name) for run in (a, b)]
        if frames[0] is None or frames[1] is None:
            continue
        say(f"Comparing the data: {name}")
        old, new = frames[0], frames[1]
        digests = [run.stages[stage].digests.get(name) for run in (a, b)]
        same = digests[0] is not None and digests[0] == digests[1]
        columns = [] if same else sorted(_columns(old, new), key=lambda each: -_size(each))
        found.append(Table(name, (len(old), len(new)), (old.shape[1], new.shape[1]), same, tuple(columns)))
    return found


def _size(column: Column) -> float:
    return column.psi if column.psi is not None else math.inf if column.moved else 0.0


def _columns(old: pd.DataFrame, new: pd.DataFrame) -> list[Column]:
    found = []
    for name in dict.fromkeys((*old.columns, *new.columns)):
        if name not in old or name not in new:
            sides = ["there" if name in each else "not there" for each in (old, new)]
            found.append(Column(str(name), sides[0], sides[1]))
        elif name not in _NAMES:
            found.append(_column(str(name), old[name], new[name]))
    return found


def _column(name: str, old: pd.Series, new: pd.Series) -> Column:
    import pandas as pd

    if all(pd.api.types.is_datetime64_any_dtype(each) for each in (old, new)):
        said = [
            f"{each.min():%Y-%m-%d} to {each.max():%Y-%m-%d}" if each.notna().any() else "empty" for each in (old, new)
        ]
        return Column(name, said[0], said[1])
    if all(pd.api.types.is_numeric_dtype(each) for each in (old, new)) and old.nunique() > 2:
        return _numbers(name, old, new, "mean")
    values = [each.map(str) for each in (old, new)]  # a missing value is a value of its own
    if max(each.nunique() for each in values) > _LEVELS:
        lengths = [each.dropna().map(str).str.len().astype("float64") for each in (old, new)]
        return _numbers(f"{name}, characters", lengths[0], lengths[1], "mean")
    return _levels(name, values[0], values[1])


def _numbers(name: str, old: pd.Series, new: pd.Series, what: str) -> Column:
    """Compare numbers by the deciles of A; what is missing is a bin of its own."""
    import numpy as np

    from loopbook.statistics import stability

    base, now = (each.to_numpy("float64", na_value=np.nan) for each in (old, new))
    known = [each[np.isfinite(each)] for each in (base, now)]
    steps = np.linspace(0, 1, stability.BINS + 1)[1:-1]
    inner = np.unique(np.quantile(known[0], steps)) if len(known[0]) else np.array([])
    counts = [
        np.append(np.bincount(np.searchsorted(inner, each, "right"), minlength=len(inner) + 1), len(all_) - len(each))
        for each, all_ in zip(known, (base, now), strict=True)
    ]
    said = [f"{what} {each.mean():.4g}" if len(each) else "empty" for each in known]
    psi = stability.index(counts[1].astype("float64"), counts[0].astype("float64"))
    return Column(name, said[0], said[1], psi, _drawing(name, known, said, psi) if psi >= _LEAST else None)


def _levels(name: str, old: pd.Series, new: pd.Series) -> Column:
    import numpy as np

    from loopbook.statistics import stability

    both = sorted({*old, *new})
    counts = (each.value_counts().reindex(both, fill_value=0) for each in (old, new))
    base, now = (np.asarray(each, dtype=np.float64) for each in counts)
    return Column(name, _frequent(both, base), _frequent(both, now), stability.index(now, base))


def _frequent(values: Sequence[str], counts: Floats) -> str:
    """Return the most frequent values with their shares."""
    first = [at for at in (-counts).argsort(kind="stable") if counts[at]]
    said = ", ".join(f"{values[at][:40] or '(empty)'} {counts[at] / counts.sum():.1%}" for at in first[:_SHOWN])
    return f"{said}, …" if len(first) > _SHOWN else said or "empty"


def _drawing(name: str, known: list[Floats], said: list[str], psi: float) -> Chart | None:
    """Draw both distributions over the same bars; the outermost thousandths are left out, as they flatten the rest."""
    import numpy as np

    if not all(len(each) for each in known):
        return None
    ends = [np.quantile(each, [0.001, 0.999]) for each in known]
    least, most = min(each[0] for each in ends), max(each[1] for each in ends)
    if not most > least:
        return None
    bars = []
    for side, each in zip("BA", reversed(known), strict=True):
        counts, edges = np.histogram(each, bins=_BARS, range=(least, most))
        steps = [(float(edges[at]), float(edges[at + 1]), float(count)) for at, count in enumerate(counts)]
        bars.append((side, steps))
    alt = f"Distribution of {name}. A: {said[0]}; B: {said[1]}; population stability index {psi:.3f}."
    return chart.ridges(name, bars[::-1], alt)


def _frame(project: Project, run: Run, stage: str, name: str) -> pd.DataFrame | None:
    record = run.stages.get(stage)
    place = project.data / record.artifacts[name] if record and name in record.artifacts else None
    return content.load(place) if place is not None and place.exists() else None
