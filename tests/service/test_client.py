"""The client page against a running service, also where answers get lost on the way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import requests
from tests.service.serving import Service, running, scenario, service, whole

from loopbook.decisions.audit import reader
from loopbook.service.client import Client, ServiceError
from loopbook.service.deciding import Asked, Busy


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("client"), scenario()) as made, running(made) as up:
        yield up


@pytest.fixture
def client(up: Service) -> Iterator[Client]:
    with Client(up.address, up.secret("admin")) as client:
        yield client


def test_a_round(client: Client, up: Service) -> None:
    decided = client.decide(up.example)
    assert decided["id"] == up.example["id"] and decided["action"] in up.scenario.task.actions
    several = client.decide([up.example | {"id": f"number {number}"} for number in range(1_000)])
    assert [each["id"] for each in several] == [f"number {number}" for number in range(1_000)]
    record = client.decision(decided["decision_id"], explain=True)
    assert record["facts"]["action"] == decided["action"] and record["explanation"]["complete"]
    said = client.feedback(decided["decision_id"], "ann", label="alert", comment="mail me: ann@example.com", rating=4.0)
    assert said["decision_id"] == decided["decision_id"]
    assert client.agent()["name"] == "market-monitor/smoke"
    kept = reader.find(up.engine, up.behind.name, said["id"])
    assert kept is not None and kept.payload is not None
    assert kept.payload["comment"] == "mail me: [MAIL]" and "ann" not in str(kept.facts)


def test_what_is_wrong_is_told(client: Client, up: Service) -> None:
    with pytest.raises(ServiceError, match=r"422.*schema(.|\n)*fields.text: Field required") as wrong:
        client.decide({"id": "1", "fields": {}})
    assert wrong.value.status == 422
    with pytest.raises(ServiceError, match="404"):
        client.decision("nothing")
    with pytest.raises(ServiceError, match="401"), Client(up.address, "lb_none") as nobody:
        nobody.agent()


def test_it_comes_back_when_it_is_told_to(client: Client, up: Service) -> None:
    refused: list[Asked] = []

    def twice(asked: Asked) -> None:
        if len(refused) < 2:
            refused.append(asked)
            raise Busy("full")

    up.behind.before = twice
    try:
        assert client.decide(up.example)["decision_id"]
    finally:
        up.behind.before = None
    assert len(refused) == 2 and refused[0].key == refused[1].key is not None


def test_a_lost_answer_is_asked_for_again_and_decided_once(up: Service) -> None:
    with Lossy(up.port, losses=2) as port, Client(f"http://127.0.0.1:{port}", up.secret("admin")) as client:
        before = up.behind.calls["decide"]
        decided = client.decide(up.example | {"id": "lost"})
        assert up.behind.calls["decide"] == before + 3, "it was asked three times"
    stored = [each for each in reader.entries(up.engine, up.behind.name, kinds=["decision"])
              if each.payload and each.payload["row_id"] == "lost"]  # fmt: skip
    assert [each.id for each in stored] == [decided["decision_id"]]


def test_nobody_there_is_said(up: Service) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with Client(address, "lb_none", attempts=2) as client, pytest.raises(requests.ConnectionError):
            client.agent()


class Lossy:
    """A way to the service on which the first answers get lost."""

    def __init__(self, port: int, losses: int) -> None:
        self._to, self._losses = port, losses
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with caller, socket.create_connection(("127.0.0.1", self._to)) as service:
                service.sendall(_message(caller))
                answer = _message(service)
                if self._losses:
                    self._losses -= 1
                else:
                    caller.sendall(answer)


def _message(connection: socket.socket) -> bytes:
    received = b""
    while not whole(received) and (more := connection.recv(65_536)):
        received += more
    return received
