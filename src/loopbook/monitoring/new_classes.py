"""Novel classes: outcomes of a class that the reference has never seen, or that the model cannot name."""

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from loopbook.monitoring import signals
from loopbook.monitoring.timeline import Log


def place(name: str) -> str:
    """Return where a new class is, as alerts say it."""
    return f"class “{name}”"


def watch(log: Log) -> pd.DataFrame:
    """Look for classes without a row in the reference.

    A rare class may be missing there by chance. If it is as common as it was, its c rows lie among all n + m of stream
    and reference as they fall, all of them among the stream's n with the hypergeometric probability; that must be at
    most the level, divided among the missing classes (Bonferroni). A class to which the model never gives any
    probability is one that it has not learned: its first row is an alarm.

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
    so_far, missing = np.cumsum(count, axis=0), np.flatnonzero((before == 0) & (count.sum(axis=0) > 0))
    known = so_far.sum(axis=1)
    given = np.concatenate([side.probability for side in (log.reference, log.stream)])
    learned = np.nansum(given, axis=0) > 0
    own = so_far[:, missing]
    p = np.where(own > 0, hypergeom.pmf(own, (known + before.sum())[:, None], own, known[:, None]), 1.0)
    clear = (p * (before == 0).sum() <= log.level) | ((own > 0) & ~learned[missing])
    for at, column in enumerate(missing):
        if not clear[:, at].any():
            continue
        day, days = int(clear[:, at].argmax()), np.flatnonzero(count[:, column])
        name, units = log.classes[column], log.scenario.task.units
        title = f"“{name}” is a new class: {own[-1, at]:,.0f} {units} so far, none in the reference"
        evidence = title if learned[column] else f"{title}; the model has not learned it and names another in its place"
        row = {"place": place(name), "day": day + log.delay, "onset": int(days[0]), "last": int(days[-1])}
        row |= {"value": own[-1, at], "expected": 0.0, "effect": own[-1, at], "p": p[day, at], "alarm": True}
        rows.append(row | {"title": title, "evidence": evidence})
    return signals.table(rows, "new_class")
