"""Name what is wrong with this machine, and the remedy: ``make doctor``.

It works where nothing else does: with any Python 3, without the environment, standard library only. What only the
environment can say is asked of its Python, within a time limit. Exit code: 1 if there is a problem, else 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from loopbook.setup import environment, machine
from loopbook.setup.finding import PROBLEM, WARNING, Finding
from loopbook.setup.place import Place


def findings(place: Place, gpu: str) -> Iterator[Finding]:
    """Look at everything, one after the other."""
    for look in (
        machine.tools, machine.room, machine.memory, machine.permission, machine.sockets, machine.browser,
        machine.outputs_filter,
    ):  # fmt: skip
        yield from look(place)
    presence = list(environment.presence(place))
    yield from presence
    if any(finding.state == PROBLEM for finding in presence):
        yield Finding("kernel, data", WARNING, "not looked at, because the environment is needed for it", "make setup")
        return
    yield from environment.drift(place)
    yield from environment.gpu(place, gpu)
    yield from environment.parts(place)


def main() -> int:
    """Print a line for each finding; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loopbook doctor", description=__doc__)
    parser.add_argument("--environment", type=Path, help="its folder; default: the one this runs in, or .venv")
    parser.add_argument(
        "--gpu", choices=("", "0", "1"), default="", help="1: a GPU is wanted; default: as it was set up"
    )
    parser.add_argument("--json", action="store_true", help="all findings as JSON, for programs")
    given = parser.parse_args()
    root = Path(__file__).resolve().parents[3]
    own = Path(sys.prefix) if sys.prefix != sys.base_prefix else root / ".venv"
    place = Place(root, root / given.environment if given.environment else own)
    found = []
    for finding in findings(place, given.gpu):
        found.append(finding)
        if not given.json:
            print(f"{finding.state:<8} {finding.check:<20} {finding.seen}", flush=True)
            if finding.remedy:
                print(f"{'':<8} {'':<20} → {finding.remedy}", flush=True)
    counts = {state: sum(finding.state == state for finding in found) for state in (PROBLEM, WARNING)}
    if given.json:
        print(
            json.dumps({**counts, "findings": [finding._asdict() for finding in found]}, indent=1, ensure_ascii=False)
        )
    else:
        print(f"\n{counts[PROBLEM]} problem(s), {counts[WARNING]} warning(s)")
    return 1 if counts[PROBLEM] else 0


if __name__ == "__main__":
    sys.exit(main())
