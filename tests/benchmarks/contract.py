"""schemathesis against a service that runs: 5,000 made-up requests, and what was answered.

    make serve SCENARIO=market-monitor
    python -m loopbook keys create contract --role admin
    python -m tests.benchmarks.contract http://127.0.0.1:8000 KEY --cases 5000

Set service.decisions_per_second high in the scenario, or some requests are rightly answered with 429. Ends with 1 if
there was a 5xx, an answer outside the OpenAPI document, or more than 1 % of the fitting requests not answered.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.service import contract


def main() -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("key", help="of the role admin")
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    begun = time.perf_counter()
    tally = contract.attack(given.address, given.key, given.cases, given.seed)
    print(f"{tally.cases:,} requests, seed {given.seed}, {time.perf_counter() - begun:.0f} s\n")
    print(f"{'operation':<12}{'status':>7}{'fitting':>9}{'other':>9}")
    for name, status in sorted(tally.fitting.keys() | tally.other.keys()):
        print(f"{name:<12}{status:>7}{tally.fitting[name, status]:>9,}{tally.other[name, status]:>9,}")
    print(f"\n5xx: {tally.server_errors}; fitting requests answered: {tally.answered:.2%}")
    for what in (*tally.failures[:10], *tally.refused[:10]):
        print(f"\n{what}")
    return 1 if tally.server_errors or tally.failures or tally.answered < 0.99 else 0


if __name__ == "__main__":
    sys.exit(main())
