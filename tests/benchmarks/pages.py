"""Time of pages for people: medians side by side with an answer without database, over a log of many decisions.

Run it with ``python -m tests.benchmarks.pages``: a worker's application in this process, SQLite, the agent's prototype
behind it, one browser's session on loopback.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
from tests.service.pages.test_people import get, signed_in
from tests.service.serving import Service, running, scenario, service

PATHS = ("/healthz", "/sign-in", "/help", "/", "/try", "/decisions", "/review")
"""The first without a database or a template, the second without a session, the third with one; then the others."""


def main() -> None:
    """Print milliseconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, service(Path(folder), scenario()) as made, running(made) as up:
        for begin in range(0, given.decisions, 1_000):
            many = min(1_000, given.decisions - begin)
            up.decide([{**up.example, "id": f"row-{begin + at}"} for at in range(many)])
        found = measured(up, given.rounds)
    base = float(np.median(found[PATHS[0]]))
    print(f"{given.decisions:,} decisions, {given.rounds} rounds, one request at a time")
    for path, seconds in found.items():
        low, middle, high = np.quantile(seconds, (0.25, 0.5, 0.9)) * 1_000
        print(f"{path:12} {middle:7.1f} ms ({low:.1f} lower quartile, {high:.1f} p90)   {middle / base / 1_000:5.1f} x")


def measured(up: Service, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each page in each round, in turn, so that a busy moment meets all."""
    cookie = signed_in(up, "admin")
    found: dict[str, list[float]] = {path: [] for path in PATHS}
    for round in range(rounds + 2):
        for path in PATHS:
            begun = perf_counter()
            answer = get(up, path, cookie)
            taken = perf_counter() - begun
            assert answer.status == 200, path
            if round >= 2:  # templates are compiled, keys read
                found[path].append(taken)
    return found


if __name__ == "__main__":
    main()
