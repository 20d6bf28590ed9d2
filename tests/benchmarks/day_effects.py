"""False alarms and delays of the watch on simulated streams whose rows of one day are alike.

    python tests/benchmarks/day_effects.py --seeds 100

Streams of 60 days after the reference, watched at one false alarm a hundred days for all columns together.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import chi2
from tests.monitoring import day_effects
from tests.monitoring.day_effects import CORRELATION, Kind


def main() -> None:
    """Print false alarms with their exact Poisson interval (Garwood 1936), then delays of rises."""
    parser = argparse.ArgumentParser(description="False alarms and delays under day effects.")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--columns", type=int, nargs="+", default=[1, 20, 200])
    given = parser.parse_args()
    print("rows a day  columns  reference days   false alarms a hundred days [95%]")
    for rows in CORRELATION:
        for columns in given.columns:
            for reference in (7, 30, 90):
                count, days, _ = day_effects.alarms(Kind(rows), columns, reference, 60, given.seeds)
                low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
                ends = [100 * part / days for part in (count, low, chi2.ppf(0.975, 2 * count + 2) / 2)]
                print(f"{rows:10}{columns:9}{reference:16}   {ends[0]:.2f} [{ends[1]:.2f}, {ends[2]:.2f}]", flush=True)
    print("\n200 rows a day, one column, 30 reference days: median days to the alarm")
    kind = Kind(200, share=0.4, weekdays=False, holidays=False)
    for rise in (0.3, 0.2, 0.1, 0.05):
        waited = day_effects.alarms(kind, 1, 30, 120, 6 * given.seeds, rise).delays
        print(
            f"rise of {100 * rise:.0f} points, {rise / kind.spread:.1f} standard deviations between days: "
            f"{np.median(waited):g}, {np.isinf(waited).mean():.0%} missed"
        )


if __name__ == "__main__":
    main()
