"""Changes of data between two runs: rows, columns, and the distribution of each column."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from loopbook.comparison import rows
from loopbook.comparison.repeats import Say
from loopbook.statistics import stability
from loopbook.store.project import Project
from loopbook.store.records import Run

Floats = NDArray[np.float64]

TABLES = (("02_data", "train"), ("02_data", "test"), ("02_data", "stream"), ("05_decisions", "decisions"))
_LEVELS = 50  # values beyond which a column is text: its lengths are compared, not its values
_NAMES = ("row_id", "decision_id", "group")  # names of rows have no distribution
_SHOWN = 3  # values of a column that are named, the most frequent
_BARS = 24  # of a histogram
_LEAST = 0.001  # index from which a distribution differs: what a page shows as 0.000 is none

Histogram = tuple[tuple[float, float, float], ...]
"""Bars: left end, right end, count."""


@dataclass(frozen=True)
class Column:
    """A column in both runs, in words; `psi` is None where there is no distribution to compare.

    Attributes
    ----------
    histograms
        Of A and B over the same bars, where numbers differ.
    """

    name: str
    a: str
    b: str
    psi: float | None = None
    histograms: tuple[Histogram, Histogram] | None = None

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


def tables(project: Project, a: Run, b: Run, say: Say = lambda _: None) -> list[Table]:
    """Return what the tables of two runs hold, with the drift measure of monitoring; those that both runs have."""
    found = []
    for stage, name in TABLES:
        old, new = (rows.table(project, run, stage, name) for run in (a, b))
        if old is None or new is None:
            continue
        say(f"Comparing the data: {name}")
        digests = [run.stages[stage].digests.get(name) for run in (a, b)]
        same = digests[0] is not None and digests[0] == digests[1]
        columns = [] if same else sorted(_columns(old, new), key=lambda column: -_size(column))
        found.append(Table(name, (len(old), len(new)), (old.shape[1], new.shape[1]), same, tuple(columns)))
    return found


def _size(column: Column) -> float:
    return column.psi if column.psi is not None else math.inf if column.moved else 0.0


def _columns(old: pd.DataFrame, new: pd.DataFrame) -> list[Column]:
    found = []
    for name in dict.fromkeys((*old.columns, *new.columns)):
        if name not in old or name not in new:
            a, b = ("there" if name in frame else "not there" for frame in (old, new))
            found.append(Column(str(name), a, b))
        elif name not in _NAMES:
            found.append(_column(str(name), old[name], new[name]))
    return found


def _column(name: str, old: pd.Series, new: pd.Series) -> Column:
    both = (old, new)
    if all(types.is_datetime64_any_dtype(times) for times in both):
        a, b = (
            f"{times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}" if times.notna().any() else "empty" for times in both
        )
        return Column(name, a, b)
    if all(types.is_numeric_dtype(numbers) for numbers in both) and old.nunique() > 2:
        return _numbers(name, old, new)
    values = [column.map(str) for column in both]  # a missing value is a value of its own
    if max(texts.nunique() for texts in values) > _LEVELS:
        lengths = [column.dropna().map(str).str.len().astype("float64") for column in both]
        return _numbers(f"{name}, characters", *lengths)
    return _levels(name, *values)


def _numbers(name: str, old: pd.Series, new: pd.Series) -> Column:
    """Compare numbers by the deciles of A; what is missing is a bin of its own."""
    both = [column.to_numpy("float64", na_value=np.nan) for column in (old, new)]
    known = [values[np.isfinite(values)] for values in both]
    steps = np.linspace(0, 1, stability.BINS + 1)[1:-1]
    inner = np.unique(np.quantile(known[0], steps)) if len(known[0]) else np.array([])
    base, now = (
        np.append(
            np.bincount(np.searchsorted(inner, there, "right"), minlength=len(inner) + 1), len(values) - len(there)
        ).astype("float64")
        for there, values in zip(known, both, strict=True)
    )
    a, b = (f"mean {there.mean():.4g}" if len(there) else "empty" for there in known)
    psi = stability.index(now, base)
    return Column(name, a, b, psi, _histograms(known) if psi >= _LEAST else None)


def _levels(name: str, old: pd.Series, new: pd.Series) -> Column:
    both = sorted({*old, *new})
    counts = (values.value_counts().reindex(both, fill_value=0) for values in (old, new))
    base, now = (np.asarray(count, dtype=np.float64) for count in counts)
    return Column(name, _frequent(both, base), _frequent(both, now), stability.index(now, base))


def _frequent(values: Sequence[str], counts: Floats) -> str:
    """Return the most frequent values with their shares."""
    first = [place for place in (-counts).argsort(kind="stable") if counts[place]]
    shares = (f"{values[place][:40] or '(empty)'} {counts[place] / counts.sum():.1%}" for place in first[:_SHOWN])
    text = ", ".join(shares)
    return f"{text}, …" if len(first) > _SHOWN else text or "empty"


def _histograms(known: Sequence[Floats]) -> tuple[Histogram, Histogram] | None:
    """Count both over the same bars; the outermost thousandths are left out, as they flatten the rest."""
    if not all(len(values) for values in known):
        return None
    ends = np.array([np.quantile(values, [0.001, 0.999]) for values in known])
    least, most = ends[:, 0].min(), ends[:, 1].max()
    if not most > least:
        return None

    def bars(values: Floats) -> Histogram:
        counts, edges = np.histogram(values, bins=_BARS, range=(least, most))
        return tuple(zip(edges[:-1].tolist(), edges[1:].tolist(), counts.astype(float).tolist(), strict=True))

    return bars(known[0]), bars(known[1])
