"""False alarms of the whole watch over several classes and over a number, and what it finds, on simulated logs.

    PYTHONPATH=. python tests/benchmarks/several_classes.py --seeds 50

Logs of 14 days of reference and 20 days of stream, at one false alarm a hundred days. Nothing changes but the days,
whose rows are alike; then something changes on day 10 of the stream.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
from numpy.typing import NDArray
from tests.benchmarks.day_effects import rate
from tests.monitoring import several
from tests.monitoring.several import Drawn

from loopbook.monitoring.watch import watch

CORRELATION = 0.005
DAY = 10


def more(drawn: Drawn, day: NDArray[np.int64], rng: np.random.Generator) -> None:
    """A quarter of the rows is of the second class."""
    rows = (day >= DAY) & (rng.random(len(day)) < 0.25)
    drawn.code[rows] = 1
    drawn.say(rows)


def flood(drawn: Drawn, day: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Three in ten rows of one day are of the last class."""
    rows = (day == DAY) & (rng.random(len(day)) < 0.3)
    drawn.code[rows] = len(drawn.names) - 1
    drawn.say(rows)


def new(drawn: Drawn, day: NDArray[np.int64], rng: np.random.Generator) -> None:
    """One row in ten is of a class that nobody knew."""
    drawn.code[(day >= DAY) & (rng.random(len(day)) < 0.1)] = len(drawn.names)


def confused(drawn: Drawn, day: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Half of the third class's rows look like the second's."""
    rows = (drawn.code == 2) & (day >= DAY) & (rng.random(len(day)) < 0.5)
    drawn.say(rows, np.where(rows, 1, drawn.code))


CHANGES = {"base_rate": more, "surge": flood, "new_class": new, "confusion": confused}
"""By the cause that an alert should name."""


def main() -> None:
    """Print false alarms a hundred days with their interval, and how often each change is named and when."""
    parser = argparse.ArgumentParser(description="The watch over several classes.")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--classes", type=int, nargs="+", default=[3, 20, 77])
    given = parser.parse_args()
    print("alerts a hundred days where nothing changes [95%], and of which cause")
    for classes in [*given.classes, None]:
        found: Counter[str] = Counter()
        days = 0
        for seed in range(given.seeds):
            log = several.numbers(seed) if classes is None else several.log(seed, classes, correlation=CORRELATION)
            found.update(watch(log).alerts["cause"])
            days += log.stream.days
        name = "a number" if classes is None else f"{classes} classes"
        print(f"{name:12}{rate(found.total(), days):22}{dict(found)}", flush=True)
    print("\nnamed by its cause, median days to the alert, other alerts for each log")
    for classes in given.classes:
        for cause, change in CHANGES.items():
            alerts = [watch(several.log(seed, classes, change)).alerts for seed in range(given.seeds // 5)]
            own = [one[one["cause"] == cause] for one in alerts]
            waited = [int(one["day"].iloc[0]) - DAY for one in own if len(one)]
            others = sum(len(one) - len(mine) for one, mine in zip(alerts, own, strict=True)) / len(alerts)
            delay = f"{np.median(waited):g}" if waited else "-"
            print(
                f"{classes:4} classes  {cause:10}{len(waited):4} of {len(alerts)}{delay:>6}{others:>6.1f}", flush=True
            )


if __name__ == "__main__":
    main()
