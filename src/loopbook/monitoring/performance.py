"""Base rate, calibration and ranking (ROC AUC) on outcomes that have arrived: does the agent still predict them?

Three questions, each a check of its own: has the base rate changed (outcomes), are the probabilities still right on
average (calibration), and do they still rank (ranking).
"""

import numpy as np
import pandas as pd

from loopbook.monitoring import drift, rates, shifts, signals
from loopbook.monitoring.rates import Rate
from loopbook.monitoring.timeline import Floats, Log, Side, known
from loopbook.statistics import bootstrap, evaluation, intervals
from loopbook.statistics.intervals import Interval
from loopbook.statistics.metrics import METRICS

LEAST_ERROR = 0.05
"""Smallest change of the mean error of the probabilities worth an alert."""
LEAST_AREA = 0.04
"""Smallest loss of ROC AUC worth an alert."""
_RESAMPLES = 200


def outcomes(log: Log) -> pd.DataFrame:
    """Watch the share of positive outcomes; ``value`` is the share, ``effect`` the PSI of the two classes."""
    names = [f"share of “{name}”" for name in log.scenario.task.label.classes]
    found = drift.shares(log, names, (log.stream.label, log.reference.label))
    return rates.watch("outcomes", log, [found], delay=log.delay)


def calibration(log: Log) -> pd.DataFrame:
    """Watch the mean error of the probabilities, outcome minus probability (0 if calibrated on the reference)."""
    now, base = (side.daily(side.label - side.probability) for side in known(log))
    name = "mean error of the probabilities (outcome minus probability)"
    found = Rate("", (name,), now, base, lambda one, other: abs(one - other), LEAST_ERROR, share=False)
    return rates.watch("calibration", log, [found], delay=log.delay)


def ranking(log: Log) -> pd.DataFrame:
    """Watch the ROC AUC of the longest window against the reference's, by DeLong's variances; only a loss counts.

    By how much the days of the reference spread more than their rows tell is taken to be so in the stream as well.
    After an alarm, the window must have left the days of that alarm before the next one.
    """
    stream, reference = known(log)
    longest = log.scenario.monitoring.window_days
    if not _both(reference.label, 10):
        return signals.table([])
    before = intervals.delong(reference.label, reference.probability, reference.day)
    swing = before.half / max(intervals.delong(reference.label, reference.probability).half, 1e-9)
    rows: list[dict[str, object]] = []
    after = -1
    for last in range(stream.days):
        first = max(0, last - longest + 1)
        inside = (stream.day >= first) & (stream.day <= last)
        found, p, alarm, loss = intervals.NOTHING, 1.0, False, 0.0
        if _both(stream.label[inside], 10):
            found = intervals.delong(stream.label[inside], stream.probability[inside])
            spread = float(np.hypot(before.half, swing * found.half)) / intervals.Z
            z = (found.value - before.value) / max(spread, 1e-6)
            p = shifts.tail(z, 0.0) / 2 if z < 0 else 1.0
            loss = max(0.0, before.value - found.value)
            alarm = p <= log.level and before.value - found.value >= LEAST_AREA and first > after
            after = last if alarm else after
        words = f"ROC AUC is {found.value:.3f} instead of {before.value:.3f} ({signals.shown(p)})"
        row = {"day": last + log.delay, "onset": first if alarm else last, "last": last, **found._asdict()}
        title = rates.moved("ROC AUC", found.value, before.value, share=False)
        row |= {"expected": before.value, "effect": loss, "p": p, "alarm": alarm}
        rows.append(row | {"title": title, "evidence": words})
    return signals.table(rows, "ranking")


def quality(log: Log) -> pd.DataFrame:
    """Return quality by day, over the trailing window, with 95% intervals, beside the reference.

    Returns
    -------
    DataFrame
        metric (ROC AUC, Brier score, calibration error, mean error, cost per decision), last (stream day), day (on
        which it was known), rows, value, low, high, reference.
    """
    stream, reference = known(log)
    longest = log.scenario.monitoring.window_days
    before = {name: figures[0] for name, figures in _figures(reference).items()}
    rows = []
    for last in range(min(longest, stream.days) - 1, stream.days):
        inside = (stream.day > last - longest) & (stream.day <= last)
        for metric, (value, low, high) in _figures(stream.keep(inside)).items():
            count = int(inside.sum())
            rows.append((metric, last, last + log.delay, count, value, low, high, before.get(metric, np.nan)))
    return pd.DataFrame(rows, columns=["metric", "last", "day", "rows", "value", "low", "high", "reference"])


def _figures(side: Side) -> dict[str, Interval]:
    """Return each figure with the interval of a bootstrap over days, because rows of one day are alike."""
    label, probability = side.label, side.probability
    if not len(label):
        return {}
    figures: dict[str, Interval] = {}
    ranked = evaluation.metrics(
        label, probability, groups=side.day, resamples=_RESAMPLES, only=["roc_auc", "brier", "ece"]
    )
    for name, row in ranked.iterrows():
        if name != "roc_auc" or _both(label, 2):
            # Resamples repeat rows, which alone makes the calibration error larger: the ends hold the value.
            value, low, high = row
            figures[METRICS[str(name)].title] = Interval(value, min(low, value), max(high, value))
    figures["mean error"] = bootstrap.mean(label - probability, side.day, _RESAMPLES, 0)
    paid = ~np.isnan(side.cost)  # the cost of a decision that waits for a person is not known
    figures["cost per decision"] = (
        bootstrap.mean(side.cost[paid], side.day[paid], _RESAMPLES, 0) if paid.any() else intervals.NOTHING
    )
    return figures


def _both(label: Floats, least: int) -> bool:
    return bool((label == 1).sum() >= least and (label == 0).sum() >= least)
