"""Measure the log's writer and its verification.

``python tests/benchmarks/audit.py --seconds 3 --repeats 5`` lets 50 callers append decisions of the default agent's
size one by one, each waiting until its own is on the disk, and prints records a second and waiting times (median, 99th
percentile): one process, two and four on one database; beside them, in turn, the same without the hash chain, without
the disk's sync (SQLite's ``synchronous=OFF``, which may lose what was acknowledged when the power fails), and with
groups of one call. Ratios are to one process with everything, of the same repeat, with the smallest and the largest.
At the end it verifies what was written, and prints records a second. ``--address`` takes PostgreSQL.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select

from loopbook.decisions.audit import chain, database
from loopbook.decisions.audit.entry import Entry, new_id
from loopbook.decisions.audit.tables import PAYLOADS, RECORDS
from loopbook.decisions.audit.verify import verify
from loopbook.decisions.audit.writer import Writer
from loopbook.store.project import Project

CALLERS = 50
VARIANTS = {
    "1 process": (1, ""),
    "2 processes": (2, ""),
    "4 processes": (4, ""),
    "no chain": (1, "chain"),
    "no sync": (1, "sync"),
    "groups of one": (1, "groups"),
}
REASONS = "The model says 0.82 for yes; alert costs 1.40, ignore 6.20, review 2.00 in expectation: alert."
FACTS = {
    **{"probability": 0.8213, "answer": "yes", "decision": "alert", "action": "alert", "rule": "", "rule_hits": ""},
    **{"reasons": REASONS, "reviewed": False, "review_refused": False, "verdict": None, "expected_cost": 1.4},
    **{"next_action": "review", "next_cost": 2.0, "scores": {"no": 0.1787, "yes": 0.8213}, "caller": "bench"},
    "versions": dict.fromkeys(("model", "policy", "rules", "data", "code", "run"), "0" * 64),
    "runtime": {"onnxruntime": "1", "processor": "x"},
}
PAYLOAD = {"row_id": "0" * 32, "fields": {"text": "Shares of the company fell after its report. " * 4}}


def write(address: str, without: str, callers: int, seconds: float, begin: Any, results: Any) -> None:
    """Append for some seconds, and put how many records and how long each took."""
    engine = database.connect(Project(Path.cwd()), address)
    if without == "sync" and engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF").close())
        engine.dispose()
    if without == "chain":
        chain.record_hash = lambda **_: os.urandom(32).hex()  # type: ignore[assignment]
        chain.payload_digest = lambda *_: ""  # type: ignore[assignment]
    waits: list[float] = []
    with Writer(engine, "bench", **({"wait": 0.0, "most": 1} if without == "groups" else {})) as writer:
        begin.wait()
        end = time.perf_counter() + seconds

        def call() -> None:
            while (now := time.perf_counter()) < end:
                writer.append([Entry("decision", new_id(), FACTS, PAYLOAD, new_id())]).result()
                waits.append(time.perf_counter() - now)

        threads = [threading.Thread(target=call) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    results.put(waits)


def measure(address: str, processes: int, without: str, seconds: float) -> tuple[float, float, float]:
    """Return records a second, and the median and 99th percentile of waiting in ms."""
    context = multiprocessing.get_context("spawn")
    begin, results = context.Barrier(processes), context.Queue()
    given = (address, without, CALLERS // processes, seconds, begin, results)
    running = [context.Process(target=write, args=given) for _ in range(processes)]
    for process in running:
        process.start()
    waits = sorted(wait for _ in running for wait in results.get())
    for process in running:
        process.join()
    return len(waits) / seconds, waits[len(waits) // 2] * 1e3, waits[len(waits) * 99 // 100] * 1e3


def main() -> None:
    """Measure all variants in turn, some times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--address", default="", help="a database of its own, such as postgresql://user@host/name")
    given = parser.parse_args()
    names = [name for name in VARIANTS if not (given.address and name == "no sync")]  # which is SQLite's
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        address = given.address or f"sqlite:///{folder}/log.sqlite"
        engine = database.connect(Project(Path(folder)), address)
        for _ in range(given.repeats):
            for name in found:
                processes, without = VARIANTS[name]
                found[name].append(measure(address, processes, without, given.seconds))
                if without == "chain":  # what has no chain cannot be verified
                    with engine.begin() as connection:
                        last = select(RECORDS.c.writer).order_by(RECORDS.c.written.desc()).limit(1)
                        writer = connection.scalar(last)
                        for table in (RECORDS, PAYLOADS):
                            connection.execute(table.delete().where(table.c.writer == writer))
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {given.repeats} x {given.seconds:g} s")
        for name, rows in found.items():
            ratios = [row[0] / first[0] for row, first in zip(rows, found["1 process"], strict=True)]
            rate, median, last = (statistics.median(column) for column in zip(*rows, strict=True))
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            print(f"{name:<14} {rate:7,.0f} a second, median {median:6.1f} ms, p99 {last:6.1f} ms, ratio {spread}")
        with engine.connect() as connection:
            number = connection.scalar(select(func.count()).select_from(RECORDS)) or 0
        began = time.perf_counter()
        verified = verify(engine, Path(folder) / "days", [])
        seconds = time.perf_counter() - began
        rate = f"{number / seconds:,.0f} a second"
        print(f"verified {number:,} records in {seconds:.1f} s: {rate}, holds: {verified.holds}")


if __name__ == "__main__":
    main()
