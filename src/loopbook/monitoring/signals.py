"""The table in which every check reports, so that alerts can put together what belongs together."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from loopbook.monitoring import shifts
from loopbook.monitoring.timeline import Floats, Log, Side

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


_BLANK = {"place": "", "low": np.nan, "high": np.nan, "evidence": ""}


def table(rows: Iterable[Mapping[str, object]], check: str = "") -> pd.DataFrame:
    """Return rows of a check, by `COLUMNS`, as a table of signals; place, interval and evidence may be missing.

    All columns are there in order even if there is no row; evidence is kept where there is an alarm.
    """
    frame = pd.DataFrame([_BLANK | {"check": check} | dict(row) for row in rows], columns=list(COLUMNS))
    kinds = {"day": "int64", "onset": "int64", "last": "int64", "alarm": "bool"}
    kinds |= dict.fromkeys(("value", "low", "high", "expected", "effect", "p"), "float64")
    kinds |= dict.fromkeys(("check", "place", "evidence"), "str")
    frame = frame.astype(kinds)
    return frame.assign(evidence=frame["evidence"].where(frame["alarm"], ""))


def of_mean(
    check: str,
    log: Log,
    sides: tuple[Side, Side],
    values: tuple[Floats, Floats],
    effect: Callable[[float, float], float],
    least: float,
    evidence: str,
    delay: int = 0,
) -> pd.DataFrame:
    """Return the watch over a mean of the stream as a table of signals (`shifts.watch`).

    Parameters
    ----------
    check
        As in `COLUMNS`.
    log
        Its level and its longest window hold.
    sides, values
        Stream and reference, and what is averaged, float64 [n] for each; NaN is left out.
    effect, least
        Size of a change from (mean, expected mean), and the smallest worth an alarm.
    evidence
        A sentence with the places ``{value}``, ``{expected}`` and ``{p}``.
    delay
        Days by which what the watch needs comes later (outcomes).
    """
    now, base = (shifts.Moments.of(part, side.day, side.days) for part, side in zip(values, sides, strict=True))
    steps = shifts.watch(now, base, log.level, log.scenario.monitoring.window_days, effect, least)
    rows = (
        step | {"day": step["day"] + delay, "evidence": evidence.format_map(step | {"p": shown(step["p"])})}
        for step in steps
    )
    return table(rows, check)


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
