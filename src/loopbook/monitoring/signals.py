"""The table in which every check reports, so that alerts can put together what belongs together."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from loopbook.monitoring.timeline import Floats

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
    "back",
    "title",
    "evidence",
)
"""Columns of a table of signals.

check
    Kind of check, one of ``Log.checks``.
place
    Where: a segment such as ``company “Acme”``, a field, an attribute; empty for everywhere.
day, onset, last
    Stream days: on which it was known, on which it most likely began, and up to which rows were looked at.
value, low, high, expected
    What was measured with its interval, and what was expected.
effect, p
    Size of the difference in the check's own measure, and p-value before the day's level is applied.
alarm
    Whether both are beyond their limits.
back
    Whether what is measured is where the reference was again.
title
    What has changed, which way, from which number to which; empty where the cause says it all.
evidence
    A sentence for the alert; empty without alarm.
"""


_BLANK = {"place": "", "low": np.nan, "high": np.nan, "back": False, "title": "", "evidence": ""}


def table(rows: Iterable[Mapping[str, object]], check: str = "") -> pd.DataFrame:
    """Return rows of a check, by `COLUMNS`, as a table of signals; place, interval and evidence may be missing.

    All columns are there in order even if there is no row; evidence is kept where there is an alarm.
    """
    frame = pd.DataFrame([_BLANK | {"check": check} | dict(row) for row in rows], columns=list(COLUMNS))
    kinds = {"day": "int64", "onset": "int64", "last": "int64", "alarm": "bool", "back": "bool"}
    kinds |= dict.fromkeys(("value", "low", "high", "expected", "effect", "p"), "float64")
    kinds |= dict.fromkeys(("check", "place", "title", "evidence"), "str")
    frame = frame.astype(kinds)
    return frame.assign(evidence=frame["evidence"].where(frame["alarm"], ""))


def adjusted(p: Floats) -> Floats:
    """Return p-values adjusted for many tests, of the same shape: reject where it is at most the level.

    References
    ----------
    Benjamini & Hochberg (1995), Controlling the false discovery rate. Where nothing at all has changed, the
    probability of any rejection is at most the level, too, which is what the false-alarm promise needs.
    """
    return np.asarray(false_discovery_control(p, axis=None).reshape(p.shape) if p.size else p, dtype="float64")


def shown(p: float) -> str:
    """Return a p-value as words: ``p = 0.012`` or ``p < 0.0001``."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"
