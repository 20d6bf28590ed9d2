"""Performance: does the agent still predict what then happens? Looked at when outcomes have arrived.

Three questions, each a check of its own: has the base rate changed (outcomes), are the probabilities still right on
average (calibration), and do they still rank (ranking).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from loopbook.monitoring import shifts, signals
from loopbook.monitoring.drift import class_index
from loopbook.monitoring.timeline import Floats, Log, Side, known
from loopbook.statistics import intervals

LEAST_ERROR = 0.05
"""Smallest change of the mean error of the probabilities worth an alert."""
LEAST_AREA = 0.04
"""Smallest loss of ROC AUC worth an alert."""
_BINS = 10


def outcomes(log: Log) -> pd.DataFrame:
    """Watch the share of positive outcomes; ``value`` is the share, ``effect`` the PSI of the two classes."""
    now = shifts.Moments.of(log.stream.label, log.stream.day, log.stream.days)
    base = shifts.Moments.of(log.reference.label, log.reference.day, log.reference.days)
    settings = log.scenario.monitoring
    steps = shifts.watch(now, base, log.level, settings.window_days, class_index, settings.min_effect)
    words = "{value:.1%} of the outcomes are positive instead of {expected:.1%} ({p})"
    return signals.table(signals.from_steps("outcomes", "", steps, log.delay, words))


def calibration(log: Log) -> pd.DataFrame:
    """Watch the mean error of the probabilities, outcome minus probability (0 if calibrated on the reference)."""
    now, base = (shifts.Moments.of(side.label - side.probability, side.day, side.days) for side in known(log))
    longest = log.scenario.monitoring.window_days
    steps = shifts.watch(now, base, log.level, longest, _distance, LEAST_ERROR)
    words = "outcomes are {value:+.3f} from the probabilities on average, instead of {expected:+.3f} ({p})"
    return signals.table(signals.from_steps("calibration", "", steps, log.delay, words))


def ranking(log: Log) -> pd.DataFrame:
    """Watch the ROC AUC of the longest window against the reference's, by DeLong's variances; only a loss counts.

    After an alarm, the window must have left the days of that alarm before the next one.
    """
    stream, reference = known(log)
    longest = log.scenario.monitoring.window_days
    if not _both(reference.label, 10):
        return signals.table([])
    before, low, high = intervals.area(reference.label == 1, reference.probability)
    error = (high - low) / (2 * intervals.Z)
    rows: list[dict[str, object]] = []
    after = -1
    for last in range(stream.days):
        first = max(0, last - longest + 1)
        inside = (stream.day >= first) & (stream.day <= last)
        value, lower, upper, p, alarm, words = (np.nan, np.nan, np.nan, 1.0, False, "")
        if _both(stream.label[inside], 10):
            value, lower, upper = intervals.area(stream.label[inside] == 1, stream.probability[inside])
            spread = float(np.hypot(error, (upper - lower) / (2 * intervals.Z)))
            z = (value - before) / max(spread, 1e-6)
            p = shifts.tail(z, 0.0) / 2 if z < 0 else 1.0
            alarm = p <= log.level and before - value >= LEAST_AREA and first > after
            words = f"ROC AUC is {value:.3f} instead of {before:.3f} ({signals.shown(p)})" if alarm else ""
            after = last if alarm else after
        loss = max(0.0, before - value) if value == value else 0.0
        numbers = (value, lower, upper, before, loss, p, alarm, words)
        row = ("ranking", "", last + log.delay, first if alarm else last, last, *numbers)
        rows.append(dict(zip(signals.COLUMNS, row, strict=True)))
    return signals.table(rows)


def quality(log: Log) -> pd.DataFrame:
    """Return quality by day, over the trailing window, with 95 % intervals, beside the reference.

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


def calibration_error(label: Floats, probability: Floats) -> float:
    """Return the expected calibration error over ten bins of equal width; NaN without rows.

    References
    ----------
    Naeini, Cooper & Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning.
    """
    if not len(label):
        return float("nan")
    bins = np.minimum((probability * _BINS).astype("int64"), _BINS - 1)
    errors = np.bincount(bins, weights=label - probability, minlength=_BINS)
    return float(np.abs(errors).sum() / len(label))


def _figures(side: Side) -> dict[str, tuple[float, float, float]]:
    label, probability = side.label, side.probability
    if not len(label):
        return {}
    figures: dict[str, tuple[float, float, float]] = {}
    if _both(label, 2):
        figures["ROC AUC"] = intervals.area(label == 1, probability)
    figures["Brier score"] = _mean((label - probability) ** 2)
    figures["mean error"] = _mean(label - probability)
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(label), len(label)) for _ in range(100)]
    value = calibration_error(label, probability)
    low, high = np.quantile([calibration_error(label[at], probability[at]) for at in draws], [0.025, 0.975])
    figures["calibration error"] = (value, min(value, float(low)), max(value, float(high)))
    figures["cost per decision"] = _mean(side.cost)
    return figures


def _mean(values: Floats) -> tuple[float, float, float]:
    values = values[~np.isnan(values)]  # the cost of a decision that waits for a person is not known
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    mean = float(np.mean(values))
    half = 1.96 * float(np.std(values, ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return mean, mean - half, mean + half


def _distance(value: float, expected: float) -> float:
    return abs(value - expected)


def _both(label: Floats, least: int) -> bool:
    return bool((label == 1).sum() >= least and (label == 0).sum() >= least)
