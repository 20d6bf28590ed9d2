"""Workers by the queue against fixed numbers of them: the same burst, its slowest answers, and what it costs.

``python -m tests.benchmarks.scaling --most 2 --rounds 3`` serves the smoke run of the default agent (made if it is not
there) with one worker, with as many as ``--most``, and with the rule between the two, in turns. Other processes call by
raw sockets: few callers, then many, then few, each of whom asks for the next decision when the last is there. Told are
p50 and p99 of the answers by phase, answers a second, errors, and worker seconds: how long worker processes were there,
summed up. Workers, log and callers share the machine's processors, so a second worker cannot bring twice as much where
there are two; load of the machine is printed: with others computing, it brings nothing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tests.service.started import Service, measured
from tests.smoke import DEFAULT, ROOT, Place

from loopbook.decisions.audit.database import connect
from loopbook.store.project import Project


class Phase(NamedTuple):
    """So many callers for so many seconds."""

    name: str
    callers: int
    seconds: float


class Watch(threading.Thread):
    """Counts worker seconds, and the workers that were ready at the end of each phase."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._service, self.seconds, self.ended = service, 0.0, threading.Event()

    def run(self) -> None:
        last = time.monotonic()
        while not self.ended.wait(0.2):
            now = time.monotonic()
            self.seconds += len(self._service.workers) * (now - last)
            last = now


def burst(project: Project, workers: str, phases: tuple[Phase, ...], params: str) -> dict[str, Any]:
    """Serve with so many workers under the phases, and return what was measured of each."""
    engine = connect(project)
    with Service(project, engine, DEFAULT, workers, params) as service:
        watch = Watch(service)
        watch.start()
        found = {"phases": [], "ready": []}
        for phase in phases:
            found["phases"].append(measured(service.load(callers=phase.callers, seconds=phase.seconds)))
            found["ready"].append(len(service.ready))
        watch.ended.set()
        watch.join()
    engine.dispose()
    return {**found, "worker_seconds": watch.seconds}


def spread(values: list[float], form: str = ".1f") -> str:
    """Return the median of some rounds with the least and the most."""
    return f"{np.median(values):{form}} ({min(values):{form}} to {max(values):{form}})".rjust(26)


def main() -> None:
    """Print a line for each number of workers and phase."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--callers", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quiet", type=float, default=5, help="seconds before the burst")
    parser.add_argument("--burst", type=float, default=45)
    parser.add_argument("--after", type=float, default=80)
    parser.add_argument("--params", default="", help="settings of the service, such as service.scale_queue=0.03")
    args = parser.parse_args()
    phases = (Phase("before", 2, args.quiet), Phase("burst", args.callers, args.burst), Phase("after", 2, args.after))
    names = ("1", f"1:{args.most}", str(args.most))
    free = f"service.decisions_per_second=1000000 {args.params}".strip()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        place.execute(DEFAULT)
        project = Project(ROOT, place.folder / "data", place.folder / "reports")
        print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for _ in range(args.rounds):
            for name in names:
                found[name].append(burst(project, name, phases, free))
        print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    print(
        f"{'workers':>8} {'phase':>7} {'p50, ms':>26} {'p99, ms':>26} {'answers a second':>26} errors  ready at its end"
    )
    for name, rounds in found.items():
        for at, phase in enumerate(phases):
            parts = [each["phases"][at] for each in rounds]
            p50, p99 = ([1000 * part[share] for part in parts] for share in ("p50", "p99"))
            rate, errors = [part["per_second"] for part in parts], sum(part["errors"] for part in parts)
            ready = [each["ready"][at] for each in rounds]
            print(f"{name:>8} {phase.name:>7} {spread(p50)} {spread(p99)} {spread(rate)} {errors:>6}  {ready}")
        print(f"{name:>8} worker seconds {spread([each['worker_seconds'] for each in rounds])}")


if __name__ == "__main__":
    main()
