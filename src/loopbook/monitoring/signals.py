"""The table in which every check reports, so that alerts can put together what belongs together."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.monitoring.shifts import Step

Floats = NDArray[np.float64]
COLUMNS = (
    "check",
    "place",
    "day",
    "onset",
    "last",
    "value",
    "low",
    "high",
    "expected",
    "effect",
    "p",
    "alarm",
    "evidence",
)
"""Columns of a table of signals.

check
    Kind of check, one of ``Log.checks``.
place
    Where: a segment such as ``company=Acme``, a field, an attribute; empty for everywhere.
day, onset, last
    Stream days: on which it was known, on which it most likely began, and up to which rows were looked at.
value, low, high, expected
    What was measured with its interval, and what was expected.
effect, p
    Size of the difference in the check's own measure, and p-value before the day's level is applied.
alarm
    Whether both are beyond their limits.
evidence
    A sentence for the alert; empty without alarm.
"""


def table(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Return rows as a table of signals, with all columns in order even if there is no row."""
    frame = pd.DataFrame(list(rows), columns=list(COLUMNS))
    kinds = {"day": "int64", "onset": "int64", "last": "int64", "alarm": "bool"}
    kinds |= dict.fromkeys(("value", "low", "high", "expected", "effect", "p"), "float64")
    kinds |= dict.fromkeys(("check", "place", "evidence"), "str")
    return frame.astype(kinds)


def from_steps(check: str, place: str, steps: Sequence[Step], delay: int, evidence: str) -> list[dict[str, object]]:
    """Return a watch over a mean as rows of a table of signals.

    Parameters
    ----------
    check, place
        As in `COLUMNS`.
    steps
        The watch, one step a day.
    delay
        Days by which what the watch needs comes later (outcomes).
    evidence
        A sentence with the places ``{value}``, ``{expected}`` and ``{p}``.
    """
    rows = []
    for step in steps:
        words = evidence.format(value=step.value, expected=step.expected, p=shown(step.p)) if step.alarm else ""
        numbers = (step.value, step.low, step.high, step.expected, step.effect, step.p, step.alarm, words)
        rows.append(dict(zip(COLUMNS, (check, place, step.day + delay, step.onset, step.day, *numbers), strict=True)))
    return rows


def adjusted(p: ArrayLike) -> Floats:
    """Return p-values adjusted for many tests, float64 [n]: reject where it is at most the level.

    References
    ----------
    Benjamini & Hochberg (1995), Controlling the false discovery rate. Where nothing at all has changed, the
    probability of any rejection is at most the level, too, which is what the false-alarm promise needs.
    """
    values = np.asarray(p, dtype="float64")
    count = len(values)
    if not count:
        return values
    order = np.argsort(values)[::-1]
    scaled = values[order] * count / np.arange(count, 0, -1)
    result = np.empty(count)
    result[order] = np.minimum(1.0, np.minimum.accumulate(scaled))
    return result


def shown(p: float) -> str:
    """Return a p-value as words: ``p = 0.012`` or ``p < 0.0001``."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"
