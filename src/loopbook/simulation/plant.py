"""A simulated machine: readings of its sensors with a daily rhythm and loads, and failures at known times."""

from typing import NamedTuple

import numpy as np
import pandas as pd

KINDS = ("overheats", "creeps", "shakes", "freezes")
"""How it fails: a level that jumps, one that creeps up for a day, noise that grows, a sensor that stays."""
_STEP = 5  # minutes


class Plant(NamedTuple):
    """Readings (``time`` and a column a sensor), and the failures: ``begins``, ``ends``, ``kind``."""

    readings: pd.DataFrame
    failures: pd.DataFrame


def simulate(
    days: int, seed: int, *, failures_from: int | None = None, every_days: float = 15, size: float = 5
) -> Plant:
    """Return a plant's readings, every five minutes with a twentieth of them lost, and half a day without any.

    Normal is a daily rhythm, a load that changes some times a day, a temperature that follows it with a lag, and noise
    with a memory; all of it is the same from the first day to the last.

    Parameters
    ----------
    failures_from
        Day from which failures come; None: none does.
    every_days
        Mean days between two of them; each lasts a day.
    size
        By how many standard deviations of normal readings a failure moves them.
    """
    rng, n = np.random.default_rng(seed), days * 24 * 60 // _STEP
    hours = np.arange(n) * _STEP / 60
    changes = np.cumsum(rng.random(n) < 4 * _STEP / (24 * 60))
    load = rng.choice([-1.0, 0.0, 1.0], changes[-1] + 1)[changes]
    follow = pd.Series(load).ewm(halflife=60 / _STEP).mean().to_numpy()
    memory = pd.Series(rng.normal(0, 1, n)).ewm(halflife=180 / _STEP).mean().to_numpy()
    daily = np.sin(2 * np.pi * (hours - 9) / 24)
    values = {
        "temperature": 80 + 3 * daily + 2.5 * follow + 6 * memory + rng.normal(0, 0.5, n),
        "pressure": 5 + 0.2 * daily - 0.3 * follow + rng.normal(0, 0.05, n),
    }
    spans = _spans(rng, days, failures_from, every_days)
    for begins, kind in spans:
        first, last = int(begins * 24 * 60 / _STEP), min(n, int((begins + 1) * 24 * 60 / _STEP))
        name = str(rng.choice(list(values)))
        _fail(values[name], first, last, kind, size * float(values[name].std()), rng)
    start = pd.Timestamp("2026-01-01", tz="UTC")
    kept = rng.random(n) > 0.05
    kept[n // 3 : n // 3 + 12 * 60 // _STEP] = False
    time = start + pd.to_timedelta(np.arange(n) * _STEP, unit="min")
    readings = pd.DataFrame({"time": time.astype(str), **values})[kept].reset_index(drop=True)
    when = [(start + pd.Timedelta(days=begins)).floor("min") for begins, _ in spans]
    failed = pd.DataFrame({"begins": when, "ends": [one + pd.Timedelta(days=1) for one in when]})
    return Plant(readings, failed.assign(kind=[kind for _, kind in spans]))


def _spans(rng: np.random.Generator, days: int, first: int | None, every: float) -> list[tuple[float, str]]:
    """Return the day on which each failure begins, and its kind; two days at least lie between two of them."""
    found: list[tuple[float, str]] = []
    day = float(days) if first is None else first + rng.exponential(every)
    while day < days - 1:
        found.append((day, KINDS[len(found) % len(KINDS)]))
        day += 3 + rng.exponential(max(0.1, every - 3))
    return found


def _fail(values: np.ndarray, first: int, last: int, kind: str, far: float, rng: np.random.Generator) -> None:
    """Change the readings of a sensor from one place to another as a failure does."""
    part = values[first:last]
    if kind == "overheats":
        part += far
    elif kind == "creeps":
        part += far * np.linspace(0, 1, len(part))
    elif kind == "shakes":
        part += rng.normal(0, far / 2, len(part))
    else:
        part[:] = part[0]
