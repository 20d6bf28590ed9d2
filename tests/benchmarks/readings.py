"""Measure a served plant: windows decided a second when callers send readings, and when they send features.

``python -m tests.benchmarks.readings --rounds 3`` serves the smoke run of plant-watch (made if it is not there) on
loopback. First 200 stretches of twelve hours of the real machine's readings, one after another, each held against 02's
window of the same moment; then, in turn, readings and features of the same windows from 8 callers in another process by
raw sockets, keep-alive. Load of the machine is printed: with others computing, the figures are worth less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tests.benchmarks.service import UNLIMITED, made
from tests.service import load
from tests.service.started import Service, measured
from tests.smoke import ROOT

from loopbook.data import sources
from loopbook.scenario.contract import Scenario
from loopbook.service.client import Client
from loopbook.store.lookup import artifact, newest
from loopbook.store.project import Project

PLANT = "plant-watch"


def main() -> None:
    """Measure, and print a table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, help="folder with data and reports of earlier runs; by default a fresh one")
    asked.add_argument("--requests", type=int, default=200)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--seconds", type=float, default=5.0)
    asked.add_argument("--callers", type=int, default=8)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        project, engine = made(given.data or Path(fresh), PLANT)
        windows, bodies = stretches(project, given.requests)
        with Service(project, engine, PLANT, 2, UNLIMITED) as running:
            one_by_one(running, windows, bodies["readings"])
            rates(running, bodies, given)
        engine.dispose()


def stretches(project: Project, count: int) -> tuple[pd.DataFrame, dict[str, list[dict[str, Any]]]]:
    """Return windows of the run's stream, and the requests about each: by its readings, and by its features."""
    run = newest(project, PLANT, "smoke")
    stream = pd.read_parquet(artifact(project, run, "stream"))
    windows = stream.iloc[np.linspace(0, len(stream) - 1, count).astype(int)].reset_index(drop=True)
    scenario = Scenario.model_validate_json(json.dumps(run.resolved))
    frame = sources.collect(scenario.source.model_copy(update={"series": None}), ROOT, Project(ROOT).raw).frame
    times = pd.to_datetime(frame["timestamp"], utc=True)
    known = pd.DataFrame({"time": times, "value": frame["value"].astype(float)}).sort_values("time", kind="stable")
    back: Any = scenario.source.series.back  # type: ignore[union-attr]
    readings, features = [], []
    for row in windows.itertuples():
        part = known[(known["time"] >= row.time - back) & (known["time"] < row.time)]
        readings.append({"readings": [{"time": when.isoformat(), "value": value} for when, value in part.to_numpy()]})
        values = {name: None if pd.isna(getattr(row, name)) else getattr(row, name) for name in scenario.task.fields}
        features.append({"fields": values, "time": row.time.isoformat()})
    return windows, {"features": features, "readings": readings}


def one_by_one(running: Service, windows: pd.DataFrame, requests: list[dict[str, Any]]) -> None:
    """Print how long single calls took, and how many decided on another window than 02's."""
    took, other = [], 0
    with Client(running.address, running.key) as client:
        for request, row in zip(requests, windows.to_dict("records"), strict=True):
            begun = time.perf_counter()
            told = client.decide(request)
            took.append(time.perf_counter() - begun)
            fields = client.decision(told["decision_id"])["payload"]["fields"]
            other += any(fields[name] != (None if pd.isna(row[name]) else row[name]) for name in fields)
    p50, p99 = (1e3 * sorted(took)[int(share * len(took))] for share in (0.5, 0.99))
    size = statistics.mean(len(json.dumps(request)) for request in requests) / 1024
    print(f"{len(took)} requests of {size:.1f} KB, one by one: p50 {p50:.1f} ms, p99 {p99:.1f} ms; ", end="")
    print(f"{other} windows differ from 02's in any bit", flush=True)


def rates(running: Service, bodies: dict[str, list[dict[str, Any]]], given: argparse.Namespace) -> None:
    """Print decisions a second of each way to ask, in turn, so that what else the machine does meets both."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in bodies}
    for number in range(given.rounds):
        for name, requests in bodies.items():
            file = running.project.data / f"{name}.json"
            file.write_text(json.dumps(requests), encoding="utf-8")
            plan = load.Plan(running.port, running.key, str(file), callers=given.callers, seconds=given.seconds)
            done = measured(subprocess.Popen(load.command(plan), stdout=subprocess.PIPE, text=True, cwd=ROOT))
            found[name].append(done)
            print(f"round {number + 1} {name}: {done['per_second']:.0f}/s, load {os.getloadavg()[0]:.1f}", flush=True)
    first = statistics.median(one["per_second"] for one in found["features"])
    print("\n| asked by | decisions/s (min to max) | ratio | p50 ms | p99 ms | errors |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, each in found.items():
        rate = [one["per_second"] for one in each]
        p50, p99 = (statistics.median(one[key] for one in each) for key in ("p50", "p99"))
        print(
            f"| {name} | {statistics.median(rate):,.0f} ({min(rate):,.0f} to {max(rate):,.0f}) "
            f"| {statistics.median(rate) / first:.2f} | {1e3 * p50:.1f} | {1e3 * p99:.1f} "
            f"| {sum(one['errors'] for one in each)} |"
        )


if __name__ == "__main__":
    main()
