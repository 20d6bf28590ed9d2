"""Two replicas over one PostgreSQL: one answer whoever is asked, one allowance, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.postgres import Server
from tests.service.conftest import SCENARIO

from loopbook.decisions.audit import days, reader
from loopbook.decisions.audit.database import ADDRESS, connect
from loopbook.decisions.audit.verify import verify
from loopbook.service.client import Client, ServiceError
from loopbook.store.project import Project

AGENT = f"{SCENARIO}/smoke"
ALLOWANCE = 600
"""Decisions that a caller may ask for at once, and one a second after that."""
LIMITS = f"service: {{decisions_per_second: 1, burst_seconds: {ALLOWANCE}}}\n"
POST = {"fields": {"text": "The regulator has opened an inquiry into the accounts."}}


@dataclass
class Replica:
    """A service as it runs on a machine of its own: a copy of what it serves, and the database's address."""

    project: Project
    environment: dict[str, str]
    process: subprocess.Popen[str]
    address: str = ""

    @classmethod
    def start(cls, finished: Project, folder: Path, database: str) -> Replica:
        (folder / "notebooks").mkdir(parents=True)
        shutil.copytree(finished.scenarios, folder / "notebooks" / "scenarios")
        with (folder / "notebooks" / "scenarios" / f"{SCENARIO}.yaml").open("a") as scenario:
            scenario.write(LIMITS)
        shutil.copytree(finished.store, folder / "data" / "store", copy_function=os.link)
        own = {"LOOPBOOK_PROJECT": str(folder), ADDRESS: database, "COLUMNS": "200"}
        environment = {name: value for name, value in os.environ.items() if name != "LOOPBOOK_DATA"} | own
        command = ["serve", "--scenario", SCENARIO, "--profile", "smoke", "--port", "0", "--workers", "1"]
        process = subprocess.Popen(
            [sys.executable, "-m", "loopbook", *command], env=environment, stdout=subprocess.PIPE, text=True
        )
        return cls(Project(folder), environment, process)

    def wait(self) -> None:
        """Wait until it listens."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"Serving \S+ on (\S+)", line):
                self.address = found[1]
                return
        raise AssertionError("it ended before it listened")

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "loopbook", *words], env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    @property
    def processes(self) -> list[int]:
        """Its own process and its worker's."""
        own = self.process.pid
        return [own, *map(int, Path(f"/proc/{own}/task/{own}/children").read_text().split())]

    def kill(self) -> None:
        """Kill all its processes at once."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """End it gracefully, if it is there; return its exit code."""
        self.process.terminate()
        return self.process.wait(60)

    @property
    def files(self) -> set[Path]:
        return {path for path in self.project.root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def database(postgres: Server) -> str:
    return postgres.database()


@pytest.fixture(scope="module")
def replicas(
    finished: Project, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Replica, Replica]]:
    folder = tmp_path_factory.mktemp("replicas")
    pair = tuple(Replica.start(finished, folder / name, database) for name in ("one", "two"))
    try:
        for replica in pair:
            replica.wait()
        yield pair[0], pair[1]
    finally:
        for replica in pair:
            if replica.process.poll() is None:
                replica.stop()


def key(replica: Replica, name: str) -> str:
    """Return a new key, made on one machine and good on all of them two seconds later."""
    found = re.search(r"lb_\S+", replica.command("keys", "create", name, "--scenario", SCENARIO, "--profile", "smoke"))
    assert found
    time.sleep(2.1)
    return found[0]


def post(replica: Replica, secret: str, body: Any, key: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": key}
    return requests.post(f"{replica.address}/v1/decisions", json=body, headers=headers, timeout=60)


def test_a_key_that_comes_again_at_the_other_replica_has_the_same_answer(replicas: tuple[Replica, Replica]) -> None:
    one, two = replicas
    files = one.files, two.files
    secret = key(one, "ann")
    first, again = (post(replica, secret, POST, "k-1") for replica in replicas)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json() and again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    other = post(two, secret, {"fields": {"text": "Something else."}}, "k-1")
    assert other.status_code == 422
    with Client(two.address, secret) as client:
        id = first.json()["decision_id"]
        assert client.decision(id)["facts"]["caller"] == "ann"
        assert client.feedback(id, "reader-7", rating=2)["decision_id"] == id
    assert (one.files, two.files) == files, "what is remembered stands in the database and nowhere else"


def test_the_allowance_is_one_for_both(replicas: tuple[Replica, Replica]) -> None:
    one, two = replicas
    secret = key(one, "bob")
    asked = [POST] * (ALLOWANCE * 2 // 3)
    assert post(one, secret, asked, "b-1").status_code == 200
    refused = post(two, secret, asked, "b-2")
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 0
    assert post(two, secret, [POST] * (ALLOWANCE // 6), "b-3").status_code == 200, "what is left can be had"


@dataclass
class Calls:
    """Callers of both replicas: what was acknowledged, by idempotency key, and how often a call failed."""

    decisions: dict[str, str] = field(default_factory=dict)
    feedback: dict[str, str] = field(default_factory=dict)
    failed: int = 0
    ending: threading.Event = field(default_factory=threading.Event)

    def make(self, replicas: tuple[Replica, Replica], secret: str, seed: int) -> None:
        """Ask for a decision at one replica and say something of it at the other; where one fails, ask the other."""
        clients = [Client(replica.address, secret, attempts=2, seconds=20) for replica in replicas]
        number = seed
        while not self.ending.is_set():
            number += 1
            wanted, said = uuid.uuid4().hex, uuid.uuid4().hex
            decided = self._either(clients, number, lambda client, key=wanted: client.decide(POST, key))
            if decided is None:
                continue
            id = self.decisions[wanted] = decided["decision_id"]
            told = self._either(
                clients, number + 1, lambda client, id=id, key=said: client.feedback(id, "ann", key, rating=1)
            )
            if told is not None:
                self.feedback[said] = told["id"]

    def _either(self, clients: list[Client], first: int, call: Any) -> Any:
        for client in (clients[first % 2], clients[1 - first % 2]):
            try:
                return call(client)
            except (requests.ConnectionError, requests.Timeout, ServiceError):
                self.failed += 1
        return None


def test_what_was_acknowledged_is_there_when_a_replica_and_then_the_database_are_killed(
    replicas: tuple[Replica, Replica], postgres: Server, database: str, tmp_path: Path
) -> None:
    one, two = replicas
    secret, calls = key(two, "cleo"), Calls()
    threads = [threading.Thread(target=calls.make, args=(replicas, secret, seed)) for seed in range(4)]
    for thread in threads:
        thread.start()
    stages = [lambda: one.kill(), lambda: (postgres.kill(), postgres.start()), lambda: calls.ending.set()]
    for stage in stages:
        enough, until = len(calls.feedback) + 15, time.monotonic() + 60
        while len(calls.feedback) < enough and time.monotonic() < until:
            time.sleep(0.05)
        assert len(calls.feedback) >= enough, "the replica that is left does not go on"
        stage()
    for thread in threads:
        thread.join()
    assert calls.failed, "nobody was asked in the moment of a kill"
    assert two.stop() == 0

    engine = connect(Project(tmp_path), database)
    mine = [each for each in reader.entries(engine, AGENT) if each.facts.get("caller") == "cleo"]
    stored = {kind: [each.id for each in mine if each.kind == kind] for kind in ("decision", "feedback")}
    for kind, acknowledged in (("decision", calls.decisions), ("feedback", calls.feedback)):
        assert set(acknowledged.values()) <= set(stored[kind])
        assert len(set(stored[kind])) == len(stored[kind])
    keys = [each.key for each in mine]
    assert len(set(keys)) == len(keys), "a call that was made again has been stored once"
    found = verify(engine, days.folder(Project(tmp_path)), [])
    assert found.holds, found.problems
    assert found.records >= len(mine)
    assert found.closed < found.chains, "the killed one could not close its chain"
    engine.dispose()
