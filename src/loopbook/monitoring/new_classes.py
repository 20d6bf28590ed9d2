"""Novel classes: outcomes of a class that the reference has never seen, or that the model cannot name."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import hypergeom

from loopbook.monitoring import signals
from loopbook.monitoring.timeline import Floats, Log


def place(name: str) -> str:
    """Return where a new class is, as alerts say it."""
    return f"class “{name}”"


def watch(log: Log) -> pd.DataFrame:
    """Look for classes without a row in the reference.

    A rare class may be missing there by chance, and its rows come together on some days. If it is as common as it was,
    the c days on which it came lie among all n + m days of stream and reference as they fall, all of them among the
    stream's n with the hypergeometric probability; that must be at most the level, divided among the missing classes
    (Bonferroni). Of a class that the model has not learned, the first row is an alarm.

    Returns
    -------
    DataFrame
        A row a class with an alarm (`signals.COLUMNS`), on the day on which it was clear: ``value`` is how many rows
        have come so far, ``onset`` and ``last`` are the days of the first and the last of them.
    """
    if "new_class" not in log.checks:
        return signals.table([])
    width, rows = len(log.classes), []
    before = np.bincount(log.reference.code[log.reference.code >= 0], minlength=width)
    count = log.stream.counts(log.stream.code, width).count
    missing = np.flatnonzero((before == 0) & (count.sum(axis=0) > 0))
    learned = _learned(np.concatenate([log.reference.probability, log.stream.probability]))
    came = np.cumsum(count[:, missing] > 0, axis=0)
    days, earlier = np.cumsum(count.any(axis=1))[:, None], len(np.unique(log.reference.day))
    p = np.where(came > 0, hypergeom.pmf(came, days + earlier, came, days), 1.0)
    clear = (p * (before == 0).sum() <= log.level) | ((came > 0) & ~learned[missing])
    for at, column in enumerate(missing):
        if not clear[:, at].any():
            continue
        day, seen = int(clear[:, at].argmax()), np.flatnonzero(count[:, column])
        name, units, so_far = log.classes[column], log.scenario.task.units, float(count[:, column].sum())
        title = f"“{name}” is a new class: {so_far:,.0f} {units} so far, none in the reference"
        evidence = title if learned[column] else f"{title}; the model has not learned it and names another in its place"
        row = {"place": place(name), "day": day + log.delay, "onset": int(seen[0]), "last": int(seen[-1])}
        row |= {"value": so_far, "expected": 0.0, "effect": so_far, "p": p[day, at], "alarm": True}
        rows.append(row | {"title": title, "evidence": evidence})
    return signals.table(rows, "new_class")


def _learned(probability: Floats) -> NDArray[np.bool_]:
    """Return which classes the model has learned, bool [k]: the others' probability is one and the same for all rows.

    Of a model that says the same of all rows nobody knows, so all count as learned.
    """
    asked = probability[~np.isnan(probability).any(axis=1)]
    moves = np.ptp(asked, axis=0) > 1e-9 if len(asked) else np.zeros(probability.shape[1], bool)
    return np.asarray(moves if moves.any() else ~moves)
