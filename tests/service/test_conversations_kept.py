"""Workers that are killed in the middle of conversations: what was acknowledged is there, once, in its order."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import requests
from tests.service.started import Service
from tests.smoke import ROOT, Ran

from loopbook.decisions.audit import reader, verify
from loopbook.decisions.audit.database import connect
from loopbook.desk import records
from loopbook.store.project import Project

QUESTIONS = ("I lost my card", "and how long until a new one comes?", "what does a transfer abroad cost", "card")


class Customer(threading.Thread):
    """Asks by HTTP, and asks again with the same key until it is answered; remembers what was acknowledged."""

    def __init__(self, address: str, key: str) -> None:
        super().__init__()
        self.address, self.head = address, {"Authorization": f"Bearer {key}"}
        self.acknowledged: list[tuple[int, str]] = []
        self.id = ""

    def run(self) -> None:
        self.id = self.post("/v1/conversations", {})["conversation_id"]
        for question in QUESTIONS:
            told = self.post(f"/v1/conversations/{self.id}/turns", {"text": question})
            self.acknowledged.append((told["number"], question))

    def post(self, path: str, body: object) -> dict[str, object]:
        head = self.head | {"Idempotency-Key": uuid.uuid4().hex}
        while True:
            try:
                answer = requests.post(self.address + path, json=body, headers=head, timeout=60)
            except requests.RequestException:  # the worker that had it is gone
                time.sleep(0.05)
                continue
            if answer.status_code != 503:
                assert answer.status_code == 201, answer.text
                return dict(answer.json())
            time.sleep(0.05)


def test_killed_workers_lose_no_turn_and_store_none_twice(smoke_run: Callable[[str], Ran], tmp_path: Path) -> None:
    place = smoke_run("support-desk")[0]
    for part in ("store", "work/embeddings"):  # what MiniLM has read in the run, workers need not read again
        shutil.copytree(place.folder / "data" / part, tmp_path / "data" / part, copy_function=os.link)
    own = Project(ROOT, tmp_path / "data", tmp_path / "reports")
    engine = connect(own)
    with Service(own, engine, "support-desk") as service:
        customers = [Customer(service.address, service.key) for _ in range(6)]
        for customer in customers:
            customer.start()
        while not any(customer.acknowledged for customer in customers):
            time.sleep(0.02)
        os.kill(min(service.workers), signal.SIGKILL)
        for customer in customers:
            customer.join()
        for customer in customers:
            found = records.of(reader.about(engine, customer.id))
            assert found is not None
            asked = [(stored.facts["number"], stored.payload["question"]) for stored in found.entries[1:]]
            assert asked == customer.acknowledged
            run = {stored.facts["versions"]["run"] for stored in found.entries if "versions" in stored.facts}
            assert all(name.startswith("support-desk/") for name in run)
    assert verify.verify(engine, own.state / "log", []).holds
    engine.dispose()
