"""Segments: the values of the columns in which surges and changes of meaning are looked for."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.monitoring.timeline import Floats, Mask, Side


def memberships(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[tuple[int, str]]:
    """Return (row number, segment) for each value; a cell may hold several, joined by ``|``."""
    pairs = []
    for column in columns:
        for row, value in enumerate(frame[column].astype(str).tolist()):
            pairs += [(row, f"{column}={part.strip()}") for part in dict.fromkeys(value.split("|")) if part.strip()]
    return pairs


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
        pairs = [(row, number[name]) for row, name in memberships(frame, columns)]
        array = np.array(pairs, dtype="int64").reshape(-1, 2)
        return cls(array[:, 0], array[:, 1], names)

    def counts(self, side: Side, rows: Mask) -> Floats:
        """Count `rows` by day and segment, float64 [days, segments]."""
        kept = rows[self.row]
        flat = side.day[self.row[kept]] * len(self.names) + self.cell[kept]
        return np.bincount(flat, minlength=side.days * len(self.names)).reshape(side.days, -1).astype("float64")

    def members(self, rows: int, cell: int) -> Mask:
        """Return which of `rows` rows belong to a segment, bool [rows]."""
        found = np.zeros(rows, dtype=bool)
        found[self.row[self.cell == cell]] = True
        return found
