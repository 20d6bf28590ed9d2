"""Base rate, calibration and ranking on outcomes that have arrived: does the agent still predict them?

Questions, each a check of its own: have the shares of the classes changed (outcomes), are the probabilities still right
on average (calibration), do they still rank or name the right class (ranking), and are predicted numbers still as near
as they were (residual).
"""

import numpy as np
import pandas as pd

from loopbook.monitoring import drift, rates, shifts, signals
from loopbook.monitoring.timeline import Floats, Log, Side
from loopbook.scenario.task import Quantity
from loopbook.statistics import bootstrap, evaluation, intervals
from loopbook.statistics.intervals import Interval
from loopbook.statistics.metrics import METRICS

LEAST_ERROR = 0.05
"""Smallest change of the mean error of the probabilities worth an alert."""
LEAST_AREA = 0.04
"""Smallest loss of ROC AUC or accuracy worth an alert."""
LEAST_SHIFT, LEAST_GROWTH = 0.25, 0.2
"""Smallest change of a number's mean error, in standard deviations of its errors, and growth of their size."""
FIGURES = {
    "binary": ("roc_auc", "brier", "ece"),
    "anomaly": ("roc_auc", "brier", "ece"),
    "ranking": ("roc_auc", "brier", "ece"),
    "multiclass": ("macro_f1", "accuracy", "log_loss", "ece"),
    "ordinal": ("kappa", "accuracy", "log_loss", "ece"),
    "number": ("r2", "mae"),
}
"""By type of task the metrics by which quality is listed, the primary one first."""
_MOST_CLASSES, _LEAST_ROWS = 10, 30  # classes whose probabilities are watched, and the reference's rows of each
_RESAMPLES = 200


def outcomes(log: Log) -> pd.DataFrame:
    """Watch the shares of the classes; ``value`` is a share, ``effect`` the PSI of the class and the rest."""
    names = [f"share of “{name}”" for name in log.classes]
    found = drift.shares(log, names, (log.stream.code, log.reference.code))
    return rates.watch("outcomes", log, [found], delay=log.delay)


def calibrated(log: Log) -> list[int]:
    """Return the classes whose probabilities are watched one by one: the commonest of several, with enough rows."""
    rows = np.bincount(log.known[1].code, minlength=len(log.classes)) if log.several else np.zeros(0, "int64")
    return [int(at) for at in np.argsort(-rows, kind="stable")[:_MOST_CLASSES] if rows[at] >= _LEAST_ROWS]


def calibration(log: Log) -> pd.DataFrame:
    """Watch the mean error of the probabilities, outcome minus probability (0 if calibrated on the reference).

    Of two classes it is that of yes; of several, that of the most probable class and of each of the commonest ones.
    """
    sides = log.known
    errors = {" of the most probable class" if log.several else "": [side.event - side.chance for side in sides]}
    for at in calibrated(log):
        errors[f" of “{log.classes[at]}”"] = [(side.code == at) - side.probability[:, at] for side in sides]
    found = [
        rates.mean(
            f"mean error of the probabilities{whose} (outcome minus probability)",
            sides,
            both,
            lambda one, other: abs(one - other),
            LEAST_ERROR,
            share=False,
        )
        for whose, both in errors.items()
    ]
    return rates.watch("calibration", log, found, delay=log.delay)


def residual(log: Log) -> pd.DataFrame:
    """Watch a number's errors: their mean, their size, and the share of outcomes within their interval.

    A change of the mean counts in standard deviations of the reference's errors, growth of their size as a share of it.
    """
    if "residual" not in log.checks:
        return signals.table([])
    sides, label = log.known, log.scenario.task.label
    errors = [side.number[:, 0] - side.number[:, 1] for side in sides]
    scale, within = max(float(np.nanstd(errors[1])), 1e-12), [_within(side) for side in sides]
    unit = f" in {label.unit}" if isinstance(label, Quantity) and label.unit else ""
    quantities: list[tuple[str, list[Floats], rates.Effect, float, bool]] = [
        (f"mean error{unit} (outcome minus prediction)", errors, lambda one, other: abs(one - other) / scale,
         LEAST_SHIFT, False),
        (f"mean absolute error{unit}", [np.abs(part) for part in errors],
         lambda one, other: one / max(other, 1e-12) - 1, LEAST_GROWTH, False),
    ]  # fmt: skip
    if not any(np.isnan(part).all() for part in within):
        quantities.append(("share of outcomes within their interval", within, _fall, LEAST_ERROR, True))
    found = [rates.mean(name, sides, both, size, least, share=share) for name, both, size, least, share in quantities]
    return rates.watch("residual", log, found, delay=log.delay)


def ranking(log: Log) -> pd.DataFrame:
    """Watch how well the model ranks, or of more than two classes how often it is right; only a loss counts."""
    if not log.several:
        return _area(log)
    sides = log.known
    found = rates.mean("accuracy", sides, [side.event for side in sides], _fall, LEAST_AREA)
    return rates.watch("ranking", log, [found], delay=log.delay)


def _area(log: Log) -> pd.DataFrame:
    """Watch the ROC AUC of the longest window against the reference's, by DeLong's variances.

    By how much the days of the reference spread more than their rows tell is taken to be so in the stream as well.
    After an alarm, the window must have left the days of that alarm before the next one.
    """
    stream, reference = log.known
    longest = log.scenario.monitoring.window_days
    if not _both(reference.event, 10):
        return signals.table([])
    before = intervals.delong(reference.event, reference.chance, reference.day)
    swing = before.half / max(intervals.delong(reference.event, reference.chance).half, 1e-9)
    rows: list[dict[str, object]] = []
    after = -1
    for last in range(stream.days):
        first = max(0, last - longest + 1)
        inside = (stream.day >= first) & (stream.day <= last)
        found, p, alarm, loss = intervals.NOTHING, 1.0, False, 0.0
        if _both(stream.event[inside], 10):
            found = intervals.delong(stream.event[inside], stream.chance[inside])
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
        metric (of the task's `FIGURES` the titles; coverage of a number, mean error, cost per decision), last (stream
        day), day (on which it was known), rows, value, low, high, reference.
    """
    stream, reference = log.known
    longest = log.scenario.monitoring.window_days
    task = log.scenario.task.type
    before = {name: figures[0] for name, figures in _figures(reference, task).items()}
    rows = []
    for last in range(min(longest, stream.days) - 1, stream.days):
        inside = (stream.day > last - longest) & (stream.day <= last)
        for metric, (value, low, high) in _figures(stream.keep(inside), task).items():
            count = int(inside.sum())
            rows.append((metric, last, last + log.delay, count, value, low, high, before.get(metric, np.nan)))
    return pd.DataFrame(rows, columns=["metric", "last", "day", "rows", "value", "low", "high", "reference"])


def _figures(side: Side, task: str) -> dict[str, Interval]:
    """Return each figure with the interval of a bootstrap over days, because rows of one day are alike."""
    if not len(side):
        return {}
    figures: dict[str, Interval] = {}
    label, said = (side.number[:, 0], side.number[:, 1]) if task == "number" else (side.code, side.probability)
    error = label - said if task == "number" else side.event - side.chance
    ranked = evaluation.metrics(label, said, groups=side.day, resamples=_RESAMPLES, only=FIGURES[task], task=task)
    for name, row in ranked.iterrows():
        if name != "roc_auc" or _both(side.event, 2):
            # Resamples repeat rows, which alone makes the calibration error larger: the ends hold the value.
            value, low, high = row
            figures[METRICS[str(name)].title] = Interval(value, min(low, value), max(high, value))
    figures["mean error"] = bootstrap.mean(error, side.day, _RESAMPLES, 0)
    within = _within(side)
    if not np.isnan(within).any():
        figures[METRICS["coverage"].title] = bootstrap.mean(within, side.day, _RESAMPLES, 0)
    paid = ~np.isnan(side.cost)  # the cost of a decision that waits for a person is not known
    figures["cost per decision"] = (
        bootstrap.mean(side.cost[paid], side.day[paid], _RESAMPLES, 0) if paid.any() else intervals.NOTHING
    )
    return figures


def _fall(value: float, expected: float) -> float:
    return expected - value


def _within(side: Side) -> Floats:
    """Return whether an outcome lies in its interval, float64 [n]; NaN where there is none."""
    outcome, _, low, high = side.number.T
    return np.where(np.isnan(outcome + low + high), np.nan, (outcome >= low) & (outcome <= high))


def _both(label: Floats, least: int) -> bool:
    return bool((label == 1).sum() >= least and (label == 0).sum() >= least)
