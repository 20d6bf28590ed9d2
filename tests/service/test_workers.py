"""The service as a user starts it: workers on one port, killed and started again, agents changed, all under load."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.service.conftest import SCENARIO, another
from tests.service.started import Service, measured

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.entry import agent_name
from loopbook.service.budget import counted
from loopbook.service.client import Client
from loopbook.store.lookup import newest
from loopbook.store.project import Project

AGENT = agent_name(SCENARIO, "smoke")
GENTLE = {"callers": 8, "pause": 0.03}


@pytest.fixture
def service(own: Project, engine: Engine) -> Callable[..., Service]:
    return lambda **how: Service(own, engine, SCENARIO, **how)


def test_workers_are_killed_and_nothing_that_was_acknowledged_is_lost(
    service: Callable[..., Service], own: Project, engine: Engine
) -> None:
    acknowledged, stop = own.data / "acknowledged.json", own.data / "stop"
    with service() as running, Client(running.address, running.key, attempts=20) as client:
        sending = running.load(**GENTLE, seconds=300, keyed=True, acknowledged=str(acknowledged), stop=str(stop))
        said = []
        until = time.monotonic() + 60
        while not counted(engine, AGENT).decisions and time.monotonic() < until:
            time.sleep(0.05)
        for _ in range(3):
            os.kill(min(running.workers), signal.SIGKILL)  # the older one: it has the callers of the one killed before
            decision = client.decide({"fields": {"text": "Shares of ACME fell"}})
            said.append(client.feedback(decision["decision_id"], "ann", label="alert", comment="call +1 212 555 0134"))
            until = time.monotonic() + 60
            while len(running.ready) < 2 and time.monotonic() < until:
                time.sleep(0.05)
        stop.touch()
        found = measured(sending)
    assert found["errors"] == 0 and found["again"] > 0, found
    log = {entry.id: entry for entry in reader.entries(engine, AGENT)}
    ids = json.loads(acknowledged.read_text(encoding="utf-8"))
    assert len(ids) == len(set(ids)) > 20 and set(ids) <= set(log)
    assert {each["id"] for each in said} <= set(log)
    comments = [entry.payload["comment"] for entry in log.values() if entry.kind == "feedback"]
    assert comments == ["call [PHONE]"] * 3
    ends = [entry for entry in log.values() if entry.facts.get("act") == "writer-closed"]
    begins = [entry for entry in log.values() if entry.facts.get("act") == "writer-opened"]
    asked, capacity = counted(engine, AGENT), newest(own, SCENARIO, "smoke").resolved["decisions"]["review_capacity"]
    assert asked.reviews <= capacity * asked.decisions + 3, "the budget goes on where the killed one's ended"
    assert len(begins) - len(ends) == 3, "killed ones close no chain, all others do"


def test_a_worker_that_hangs_is_replaced(service: Callable[..., Service]) -> None:
    with service(workers=1, params="service.hung_seconds=2") as running:
        hung = running.workers
        os.kill(*hung, signal.SIGSTOP)
        running.wait("Worker 1 has not moved for 2 s")
        with Client(running.address, running.key, attempts=20) as client:
            assert client.decide({"fields": {"text": "Shares of ACME fell"}})["decision_id"]
        assert running.workers != hung


def test_an_agent_is_taken_over_and_taken_back_and_replaced_without_a_failed_request(
    service: Callable[..., Service], own: Project
) -> None:
    run = newest(own, SCENARIO, "smoke")
    data = {**run.resolved, "data": {**run.resolved["data"], "max_characters": 9_000}}
    other = run.model_copy(update={"resolved": data})
    with service() as running, Client(running.address, running.key) as client:
        stop = own.data / "stop"
        sending = running.load(**GENTLE, seconds=300, keyed=True, stop=str(stop))

        def served_by(name: str) -> bool:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                if {client.decide({"fields": {"text": "Shares fell"}})["run"] for _ in range(6)} == {
                    f"{SCENARIO}/{name}"
                }:
                    return True
            return False

        first = set(running.workers)
        another(own, run, "20991231-000000", 0.9)
        assert served_by("20991231-000000")
        (own.runs / SCENARIO / "20991231-000000.json").unlink()
        assert served_by(run.run)
        assert set(running.workers) == first, "policy and model change within a worker"
        another(own, other, "20991231-000001", 0.9)
        assert served_by("20991231-000001")
        until = time.monotonic() + 60
        while set(running.workers) & first and time.monotonic() < until:
            time.sleep(0.1)
        assert not set(running.workers) & first, "what checks requests has changed: one by one they are replaced"
        stop.touch()
        found = measured(sending)
    assert found["errors"] == 0 and list(found["answers"]) == ["200"], found


def test_it_says_where_it_listens_what_it_serves_and_that_it_is_ready(
    service: Callable[..., Service], engine: Engine
) -> None:
    with service(workers=1) as running, Client(running.address, running.key) as client:
        with urllib.request.urlopen(f"{running.address}/readyz") as answer:
            assert json.load(answer)["ready"] is True
        about = client.agent()
        assert about["versions"]["run"].startswith(SCENARIO) and about["card"]
        decision = client.decide({"id": "post-1", "fields": {"text": "Shares fell after the recall"}})
        told = client.decision(decision["decision_id"], explain=True)
        assert told["payload"]["row_id"] == "post-1" and told["explanation"]["parts"]
        (worker,) = running.workers
        heavy = ("tensorflow", "keras", "matplotlib", "papermill", "nbconvert")
        mapped = Path(f"/proc/{worker}/maps").read_text(encoding="utf-8")
        assert not [name for name in heavy if f"/{name}/" in mapped] and "/onnxruntime/" in mapped
    last = [entry.facts["act"] for entry in reader.entries(engine, AGENT, kinds=["admin"])][-1]
    assert last == "writer-closed"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--profile", "full"], "make SCENARIO=market-monitor PROFILE=full"),
        (["--host", "0.0.0.0"], "--behind-proxy"),
        (["--scenario", "market-moniter"], "market-monitor"),
        (["--port", "taken"], "cannot be used: Address already in use"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(own: Project, words: list[str], message: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        words = [str(other.getsockname()[1]) if word == "taken" else word for word in words]
        place = {"LOOPBOOK_PROJECT": str(own.root), "LOOPBOOK_DATA": str(own.data)}
        command = [sys.executable, "-m", "loopbook", "serve", "--profile", "smoke", *words]
        done = subprocess.run(command, env={**os.environ, **place}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
