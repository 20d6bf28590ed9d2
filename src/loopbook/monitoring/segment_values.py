"""Segments: the values of the columns in which surges and changes of meaning are looked for."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.monitoring.timeline import ANSWER, Floats, Mask, Side


def named(column: str, value: str) -> str:
    """Return a segment's name, as alerts and tables say it: company “Acme”."""
    return f"{column.replace('_', ' ')} “{value}”"


def apart(place: str) -> list[str]:
    """Return the segments of a place, which are joined by an &; a value may hold one itself."""
    return re.split(r"(?<=”) & ", place)


def memberships(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[tuple[int, str]]:
    """Return (row number, segment) for each value; a cell may hold several, joined by ``|``, but that of an answer."""
    return [
        (row, named(column, part.strip()))
        for column in columns
        for row, value in enumerate(frame[column].astype(str).fillna("").tolist())
        for part in dict.fromkeys([value] if column == ANSWER else value.split("|"))
        if part.strip()
    ]


@dataclass(frozen=True, eq=False)
class Cells:
    """Which row belongs to which segment: pairs of row and segment number; and the segments' names."""

    row: NDArray[np.int64]
    cell: NDArray[np.int64]
    names: list[str]

    @classmethod
    def of(cls, frame: pd.DataFrame, columns: tuple[str, ...], names: list[str]) -> "Cells":
        """Look up the segments of each row in `names`."""
        number = {name: at for at, name in enumerate(names)}
        pairs = np.array([(row, number[name]) for row, name in memberships(frame, columns)], dtype="int64")
        row, cell = pairs.reshape(-1, 2).T
        return cls(row, cell, names)

    def sums(self, side: Side, values: Floats) -> tuple[Floats, Floats]:
        """Sum values [k, n] by day, [k, days], and by day and segment, [k, days, segments]."""
        width = len(self.names)
        flat = side.day[self.row] * width + self.cell
        every = [np.bincount(side.day, weights=value, minlength=side.days) for value in values]
        cells = [np.bincount(flat, weights=value[self.row], minlength=side.days * width) for value in values]
        by_cell = np.stack(cells).reshape(len(values), side.days, width)
        return np.stack(every).astype("float64"), by_cell.astype("float64")

    def members(self, rows: int, cell: int) -> Mask:
        """Return which of `rows` rows belong to a segment, bool [rows]."""
        found = np.zeros(rows, dtype=bool)
        found[self.row[self.cell == cell]] = True
        return found
