"""Measure the served agent: decisions a second by HTTP with log and audit, and what is lost when workers are killed.

``python -m tests.benchmarks.service --rounds 3`` serves the smoke run of the default agent (made if it is not there) on
loopback and sends from another process by raw sockets, 50 callers, keep-alive. Beside it, in turn: without
micro-batching, FastAPI alone (the same request model, a constant answer), and, with ``--minilm``, an agent whose
champion stands on frozen MiniLM. Then a promotion and its withdrawal under load, and 20 killed workers: every
acknowledged decision and feedback must stand in the log. Load of the machine is printed: with others computing, the
figures are worth less.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from tests.service import load
from tests.service.conftest import another
from tests.service.started import Service, measured
from tests.smoke import DEFAULT, ROOT, Place

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.database import connect
from loopbook.scenario import loading
from loopbook.service.client import Client
from loopbook.store.lookup import newest
from loopbook.store.project import Project

PRESS = "press-monitor"
UNLIMITED = "service.decisions_per_second=1000000"
"""All callers of the benchmark share one key, and so one allowance, which is not what is measured."""


def main() -> None:
    """Measure, and print tables."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, help="folder with data and reports of earlier runs; by default a fresh one")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--seconds", type=float, default=10.0)
    asked.add_argument("--callers", type=int, default=50)
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--kills", type=int, default=20)
    asked.add_argument("--minilm", action="store_true", help="beside it an agent on frozen MiniLM, whose data is real")
    asked.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.bare:
        return bare(given.bare)
    with tempfile.TemporaryDirectory() as fresh:
        where = given.data or Path(fresh)
        variants = {
            "log and audit": serving(where, DEFAULT, given.workers),
            "micro-batching off": serving(where, DEFAULT, given.workers, f"{UNLIMITED} service.batch_most=1"),
            "bare FastAPI": lambda: alone(given.workers, where),
        }
        if given.minilm:
            variants["frozen MiniLM"] = serving(where / "minilm", PRESS, given.workers, run="training.only=[minilm]")
        how = {"callers": given.callers, "seconds": given.seconds}
        rates(variants, given.rounds, how)
        promoted(where, given.workers, how)
        if given.kills:
            killed(where, given.workers, given.kills, given.callers)
    return None


def rates(variants: dict[str, Callable[[], Any]], rounds: int, how: dict[str, Any]) -> None:
    """Print what each variant does, measured in turn, so that what else the machine does meets all of them."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in variants}
    for number in range(rounds):
        for name, variant in variants.items():
            with variant() as send:
                measured(send(**{**how, "seconds": 2.0}))  # warm
                found[name].append(one := measured(send(**how)))
            busy = os.getloadavg()[0]
            print(f"round {number + 1} {name}: {one['per_second']:.0f}/s, load of the machine {busy:.1f}", flush=True)
    first = statistics.median(one["per_second"] for one in next(iter(found.values())))
    print("\n| variant | decisions/s (min to max) | ratio | p50 ms | p99 ms | errors | client µs/call |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, each in found.items():
        rate = [one["per_second"] for one in each]
        p50, p99, client = (statistics.median(one[key] for one in each) for key in ("p50", "p99", "client"))
        print(
            f"| {name} | {statistics.median(rate):,.0f} ({min(rate):,.0f} to {max(rate):,.0f}) "
            f"| {statistics.median(rate) / first:.2f} | {1e3 * p50:.1f} | {1e3 * p99:.1f} "
            f"| {sum(one['errors'] for one in each)} | {1e6 * client:.0f} |",
            flush=True,
        )


def promoted(where: Path, workers: int, how: dict[str, Any]) -> None:
    """Print what callers saw while another run was taken over, and taken back."""
    project, engine = made(where, DEFAULT)
    run = newest(project, DEFAULT, "smoke")
    record = project.runs / DEFAULT / "20991231-000000.json"
    with (
        Service(project, engine, DEFAULT, workers, UNLIMITED) as running,
        Client(running.address, running.key) as client,
    ):
        sending, served = running.load(**how), []
        for wanted in ("20991231-000000", run.run):
            time.sleep(how["seconds"] / 5)
            if wanted == run.run:
                record.unlink()
            else:
                another(project, run, wanted, 0.9)
            until = time.monotonic() + 30
            while served[-1:] != [wanted] and time.monotonic() < until:
                said = {client.decide({"fields": {"text": "Shares fell"}})["run"] for _ in range(2 * workers)}
                if said == {f"{DEFAULT}/{wanted}"}:
                    served.append(wanted)
        found = measured(sending)
    record.unlink(missing_ok=True)
    engine.dispose()
    print(f"\nPromotion and rollback under load: served {served}, {sum(found['answers'].values()):,} answers, ", end="")
    print(f"{found['errors']} failed, p99 {1e3 * found['p99']:.1f} ms", flush=True)


def killed(where: Path, workers: int, kills: int, callers: int) -> None:
    """Print what was acknowledged while workers were killed, and how much of it is not in the log."""
    project, engine = made(where, DEFAULT)
    acknowledged = project.data / "acknowledged.json"
    said: list[str] = []
    with (
        Service(project, engine, DEFAULT, workers, UNLIMITED) as running,
        Client(running.address, running.key, attempts=30) as client,
    ):
        sending = running.load(seconds=4.0 * kills, callers=callers, keyed=True, acknowledged=str(acknowledged))
        for number in range(kills):
            known = running.workers
            os.kill(known[number % len(known)], signal.SIGKILL)
            decision = client.decide({"fields": {"text": "Shares of ACME fell"}})
            said.append(client.feedback(decision["decision_id"], "ann", rating=4)["id"])
            until = time.monotonic() + 60
            while len(running.ready) < workers and time.monotonic() < until:
                time.sleep(0.1)
            time.sleep(1.0)
        found = measured(sending)
    ids = json.loads(acknowledged.read_text(encoding="utf-8"))
    stored = [entry.id for entry in reader.entries(engine, running.agent)]
    engine.dispose()
    lost, twice = {*ids, *said} - set(stored), len(stored) - len(set(stored))
    print(f"\n{kills} workers killed: {len(ids):,} decisions and {len(said)} feedback acknowledged, {len(lost)} lost, ")
    print(f"{twice} twice in the log, {found['again']} calls sent again with their key, {found['errors']} failed")


def serving(where: Path, scenario: str, workers: int, params: str = UNLIMITED, run: str = "") -> Callable[[], Any]:
    """Return what starts a service and gives what puts load on it."""

    @contextmanager
    def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
        project, engine = made(where, scenario, run)
        with Service(project, engine, scenario, workers, params) as running:
            yield running.load
        engine.dispose()

    return started


def made(where: Path, scenario: str, params: str = "") -> tuple[Project, Engine]:
    """Return the project of an agent's smoke run, made if it is not there, and a log of its own."""
    place = Place(where)
    if not place.page(scenario).exists():
        place.execute(scenario, *(["--params", params] if params else []))
    project = Project(ROOT, where / "data", where / "reports")
    for file in project.state.glob("service.sqlite*"):
        file.unlink()
    return project, connect(project)


@contextmanager
def alone(workers: int, where: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start FastAPI alone, and give what puts load on it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.service", "--bare", str(port)]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(workers)]
    bodies = where / "data" / "bodies.json"
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as asked:
            if not asked.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.2)
    time.sleep(2.0)  # for the others
    yield lambda **how: subprocess.Popen(
        load.command(load.Plan(port, "none", str(bodies), **how)), stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    for process in processes:
        process.terminate()
        process.wait(30)


def bare(port: int) -> None:
    """Serve the default agent's request model and a constant answer, by FastAPI as it comes."""
    import uvicorn
    from fastapi import FastAPI

    from loopbook.requirements import interface

    request = interface.request_model(loading.load(DEFAULT, ROOT / "notebooks" / "scenarios"))
    app = FastAPI()

    async def decide(asked: Any) -> dict[str, Any]:
        return {"action": "ignore", "probability": 0.5}

    decide.__annotations__["asked"] = request
    app.post("/v1/decisions")(decide)
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    uvicorn.Server(uvicorn.Config(app, loop="uvloop", log_level="warning", access_log=False)).run(sockets=[bound])


if __name__ == "__main__":
    main()
