"""False alarms and delays of the watch on simulated streams whose rows of one day are alike.

    PYTHONPATH=. python tests/benchmarks/day_effects.py --seeds 100

Streams of 60 days after the reference, watched at one false alarm a hundred days for all columns together, or all
classes. The sum of squares is shown at the same level, and at one at which it has no more false alarms than `together`.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import chi2
from tests.monitoring import class_effects, day_effects
from tests.monitoring.day_effects import CORRELATION, Kind

REFERENCE, RISES = 30, (0.2, 0.1, 0.05)
LEVELS = 0.01 / 2 ** np.arange(1, 13)


def rate(count: int, days: int) -> str:
    """Return events a hundred days with their exact Poisson interval (Garwood 1936)."""
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    ends = [100 * part / days for part in (count, low, chi2.ppf(0.975, 2 * count + 2) / 2)]
    return f"{ends[0]:.2f} [{ends[1]:.2f}, {ends[2]:.2f}]"


def classes(rows: int, number: int, seeds: int) -> None:
    """Print false alarms of the three ways to watch shares of classes, and delays of the rise of one class."""
    ways = [(way, 0.01) for way in class_effects.WAYS]
    most = class_effects.alarms(ways[0][0], Kind(rows), number, REFERENCE, 60, seeds)
    for level in LEVELS:
        found = class_effects.alarms(ways[2][0], Kind(rows), number, REFERENCE, 60, seeds, level=level)
        if found.first / found.until <= most.first / most.until:
            ways.append((ways[2][0], level))
            break
    for way, level in ways:
        quiet = class_effects.alarms(way, Kind(rows), number, REFERENCE, 60, seeds, level=level)
        plain = Kind(rows, weekdays=False, holidays=False)
        risen = [class_effects.alarms(way, plain, number, REFERENCE, 90, seeds, rise, level) for rise in RISES]
        delays = "  ".join(f"{np.median(one.delays):g} ({one.signals / seeds:.1f})" for one in risen)
        print(
            f"{rows:5}{number:4}  {way:21}{level:9.2g}   {rate(quiet.incidents, quiet.days):19}"
            f"{rate(quiet.first, quiet.until):19}  {delays}",
            flush=True,
        )


def main() -> None:
    """Print false alarms with their interval, then delays of rises, then both for the shares of classes."""
    parser = argparse.ArgumentParser(description="False alarms and delays under day effects.")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--columns", type=int, nargs="+", default=[1, 20, 200])
    parser.add_argument("--classes", type=int, nargs="+", default=[3, 20, 77])
    given = parser.parse_args()
    print("rows a day  columns  reference days   false alarms a hundred days [95%]")
    for rows in CORRELATION:
        for columns in given.columns:
            for reference in (7, 30, 90):
                count, days, _ = day_effects.alarms(Kind(rows), columns, reference, 60, given.seeds)
                print(f"{rows:10}{columns:9}{reference:16}   {rate(count, days)}", flush=True)
    print("\n200 rows a day, one column, 30 reference days: median days to the alarm")
    kind = Kind(200, share=0.4, weekdays=False, holidays=False)
    for rise in (0.3, 0.2, 0.1, 0.05):
        waited = day_effects.alarms(kind, 1, 30, 120, 6 * given.seeds, rise).delays
        print(
            f"rise of {100 * rise:.0f} points, {rise / kind.spread:.1f} standard deviations between days: "
            f"{np.median(waited):g}, {np.isinf(waited).mean():.0%} missed"
        )
    print(
        "\nshares of classes, 30 reference days: incidents and first alarms a hundred days where nothing changes [95%],"
        "\nmedian days to the alarm (signals in 90 days) where one class rises by 20, 10, 5 points\n"
        " rows   K  way                      level   incidents          first alarms         20, 10, 5 points"
    )
    for rows in (200, 2000):
        for number in given.classes:
            classes(rows, number, given.seeds)


if __name__ == "__main__":
    main()
