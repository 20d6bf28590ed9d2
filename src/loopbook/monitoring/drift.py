"""Covariate and label drift: Kolmogorov-Smirnov, chi-square and population stability index of scores and fields."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, ks_2samp

from loopbook.monitoring import shifts, signals
from loopbook.monitoring.timeline import Days, Floats, Log
from loopbook.statistics.stability import BINS, index

_LEAST_SPREAD = 0.05  # mean scores of the two classes nearer than this do not tell them apart


def class_index(value: float, expected: float) -> float:
    """Return the population stability index of two base rates."""
    p, q = (float(np.clip(rate, 1e-3, 1 - 1e-3)) for rate in (value, expected))
    return float((p - q) * np.log(p / q) + (q - p) * np.log((1 - p) / (1 - q)))


def score(log: Log) -> pd.DataFrame:
    """Watch the distribution of the probabilities: Kolmogorov-Smirnov test, PSI as the size of the change.

    Returns
    -------
    DataFrame
        A row a day (`signals.COLUMNS`); ``value`` and ``effect`` are the PSI against the reference.
    """
    now, base = log.stream.probability, log.reference.probability
    return signals.table(_distribution(log, "the probabilities", now, base, _numbers, log.level), "score")


def classes(log: Log) -> pd.DataFrame:
    """Watch the base rate that the scores speak of, long before an outcome is known.

    If only the mix of the classes changes, the mean score moves in proportion: π = (s̄ - s̄₀) / (s̄₁ - s̄₀), with s̄₀ and
    s̄₁ the reference's mean scores of the two classes.

    Returns
    -------
    DataFrame
        A row a day (`signals.COLUMNS`): ``value`` is the estimated base rate; ``effect`` the PSI of the two classes. No
        row where the model's scores do not tell the classes apart.

    References
    ----------
    Lipton, Wang & Smola (2018), Detecting and correcting for label shift with black box predictors.
    """
    low, high = (float(np.nanmean(log.reference.probability[log.reference.label == of])) for of in (0, 1))
    if not high - low >= _LEAST_SPREAD:
        return signals.table([])
    rates = (log.stream.probability - low) / (high - low), (log.reference.probability - low) / (high - low)
    least = log.scenario.monitoring.min_effect
    words = "the scores speak of a base rate of {value:.1%} instead of {expected:.1%} ({p})"
    return signals.of_mean("classes", log, (log.stream, log.reference), rates, class_index, least, words)


def fields(log: Log) -> pd.DataFrame:
    """Watch each input field of a table: Kolmogorov-Smirnov for numbers, chi-square for categories.

    The day's level is divided among the fields. A missing value is a category of its own; for numbers, the share of
    missing values is compared as well.

    Returns
    -------
    DataFrame
        A row a field and day (`signals.COLUMNS`); ``value`` and ``effect`` are the PSI.
    """
    kinds = {name: kind for name, kind in log.scenario.task.fields.items() if kind != "text"}
    rows: list[dict[str, object]] = []
    for name, kind in kinds.items():
        sides, compare = (_columns(log, name), _numbers) if kind == "number" else (_codes(log, name), _categories)
        found = _distribution(log, name, *sides, compare, log.level / len(kinds))
        rows += [row | {"place": name} for row in found]
    return signals.table(rows, "field")


def _columns(log: Log, name: str) -> tuple[Floats, Floats]:
    new, old = (side.frame[name].to_numpy("float64", na_value=np.nan) for side in (log.stream, log.reference))
    return new, old


def _codes(log: Log, name: str) -> tuple[Floats, Floats]:
    """Return the values of a category as numbers, the commonest of the reference first; rare ones share a number."""
    common = log.reference.frame[name].astype(str).value_counts().index[:20]
    columns = (pd.Index(side.frame[name].astype(str)) for side in (log.stream, log.reference))
    found = (common.get_indexer(column) for column in columns)
    new, old = (np.where(codes < 0, len(common), codes).astype("float64") for codes in found)
    return new, old


def _numbers(now: Floats, base: Floats) -> tuple[float, float]:
    """Return PSI over the base's deciles, missing values a bin of their own, and a p-value for numbers and gaps."""
    there, before = now[~np.isnan(now)], base[~np.isnan(base)]
    missing = len(now) - len(there), len(base) - len(before)
    p_missing = 1.0
    if sum(missing) and len(there) + len(before):
        table = np.array([[missing[0], len(there)], [missing[1], len(before)]])
        p_missing = float(chi2_contingency(table)[1]) if table.sum(axis=0).all() else 1.0
    if not len(there) or not len(before):
        return index(np.array([missing[0], len(there)], float), np.array([missing[1], len(before)], float)), p_missing
    edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
    counts = [
        np.append(np.bincount(np.searchsorted(edges, values, "right"), minlength=len(edges) + 1), gone).astype(
            "float64"
        )
        for values, gone in ((there, missing[0]), (before, missing[1]))
    ]
    p = float(ks_2samp(there, before, method="asymp").pvalue)
    return index(counts[0], counts[1]), min(1.0, 2 * min(p, p_missing) if sum(missing) else p)


def _categories(now: Floats, base: Floats) -> tuple[float, float]:
    """Return PSI and chi-square p-value of two samples of category numbers."""
    levels = int(max(now.max(initial=0), base.max(initial=0))) + 1
    counts = [np.bincount(values.astype("int64"), minlength=levels).astype("float64") for values in (now, base)]
    kept = (counts[0] + counts[1]) > 0
    if kept.sum() < 2:
        return 0.0, 1.0
    table = np.stack(counts)[:, kept]
    # The chi-square distribution needs expected counts of about five; rarer categories are put together.
    rare = table.sum(axis=0) * table[0].sum() / table.sum() < 5
    if rare.any():
        table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    p = float(chi2_contingency(table)[1]) if table.shape[1] > 1 and table.sum(axis=0).all() else 1.0
    return index(table[0], table[1]), p


def _distribution(
    log: Log,
    name: str,
    now: Floats,
    base: Floats,
    compare: Callable[[Floats, Floats], tuple[float, float]],
    level: float,
) -> list[dict[str, object]]:
    """Compare the trailing window with the base each day; after an alarm the days since become the base."""
    longest, least = log.scenario.monitoring.window_days, log.scenario.monitoring.min_effect
    day, since = log.stream.day, -1
    rows: list[dict[str, object]] = []
    for today in range(log.stream.days):
        found = (1.0, 0.0, today)
        lengths = sorted({min(3, longest), longest})
        for length in lengths:
            first = today - length + 1
            before = base if since < 0 else now[(day >= since) & (day < first)]
            window = now[(day >= first) & (day <= today)]
            if first <= since or len(before) < shifts.LEAST_ROWS or len(window) < shifts.LEAST_ROWS:
                continue
            size, p = compare(window, before)
            found = min(found, (min(1.0, p * len(lengths)), size, max(first, 0)))
        p, size, first = found
        alarm, began = p <= level and size >= least, today
        if alarm:
            before = base if since < 0 else now[(day >= since) & (day < first)]
            since = began = _began(day, now, before, first, today, compare)
        words = f"the distribution of {name} has moved: PSI {size:.2f} ({signals.shown(p)})"
        row = {"day": today, "onset": began, "last": today, "value": size, "expected": 0.0, "effect": size, "p": p}
        rows.append(row | {"alarm": alarm, "evidence": words})
    return rows


def _began(
    day: Days,
    now: Floats,
    base: Floats,
    first: int,
    today: int,
    compare: Callable[[Floats, Floats], tuple[float, float]],
) -> int:
    """Return the start, from `first` on, of the stretch up to `today` that differs most clearly from the base."""
    looks = []
    for start in range(first, today + 1):
        window = now[(day >= start) & (day <= today)]
        if len(window) >= shifts.LEAST_ROWS:
            looks.append((compare(window, base)[1], start))
    return min(looks)[1] if looks else first
