"""A real server for tests of the HTTP layer: uvicorn in a thread, a log in SQLite, an agent by rules behind it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine
from tests.service.behind import Prototyped

from loopbook.decisions.audit import database
from loopbook.decisions.audit.writer import Writer
from loopbook.requirements import interface
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.service import app, keys, listening
from loopbook.service.metrics import Metrics
from loopbook.store.project import Project

SCENARIOS = Path(__file__).resolve().parents[2] / "notebooks" / "scenarios"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Service:
    """One worker's application, and what it stands on."""

    scenario: Scenario
    engine: Engine
    behind: Any
    metrics: Metrics
    app: FastAPI
    port: int = 0
    _secrets: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def example(self) -> dict[str, Any]:
        return dict(interface.schemas(self.scenario)["example_request"])

    def secret(self, role: str = "caller", name: str = "") -> str:
        """Return a key of a role, the same each time, or of a further caller."""
        name = name or f"a-{role}"
        if name not in self._secrets:
            self._secrets[name] = keys.create(self.engine, self.behind.name, name, role, "test")
            time.sleep(keys.SOON)
        return self._secrets[name]

    def call(self, method: str, path: str, body: Any = None, secret: str | None = None, **headers: str) -> Answer:
        """Return the answer to one request; underscores in the names of headers are hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        if secret is not None:
            sent["Authorization"] = f"Bearer {secret}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def decide(self, body: Any, secret: str | None = None, **headers: str) -> Answer:
        return self.call("POST", "/v1/decisions", body, secret or self.secret(), **headers)

    def raw(self, *parts: bytes, pause: float = 0) -> Answer:
        """Return what comes back for bytes as they are, sent with pauses between them."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            received = b""
            for part in parts:
                try:
                    connection.sendall(part)
                except OSError:  # the server has closed: what it said before can still be read
                    break
                time.sleep(pause)
            try:
                while more := connection.recv(65_536):
                    received += more
                    if whole(received):
                        break
            except ConnectionResetError:
                pass
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        return Answer(int(lines[0].split()[1]) if lines[0] else 0, headers, body)

    def head(self, path: str = "/v1/decisions", *lines: str) -> bytes:
        """Return the head of a request with a good key."""
        own = ("Host: 127.0.0.1", "Content-Type: application/json", f"Authorization: Bearer {self.secret()}")
        return "\r\n".join((f"POST {path} HTTP/1.1", *own, *lines, "", "")).encode()


def whole(received: bytes) -> bool:
    """Say whether a message with an announced length is there with all of its body."""
    head, found, body = received.partition(b"\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(found and length) and len(body) >= int(length[0].split(b":")[1])


def scenario(name: str = "market-monitor", **settings: Any) -> Scenario:
    """Return a scenario with other settings of its service."""
    found = loading.load(name, SCENARIOS, "smoke")
    return found.model_copy(update={"service": found.service.model_copy(update=settings)})


@contextmanager
def service(
    folder: Path, asked: Scenario, engine: Engine | None = None, profile: str = "smoke", desk: Any = None
) -> Iterator[Service]:
    """Make a worker's application, which nothing reaches by a network yet."""
    project = Project(folder, folder / "data")
    engine = engine or database.connect(project, f"sqlite:///{folder / 'service.sqlite'}")
    with Writer(engine, f"{asked.name}/{profile}") as writer:
        metrics = Metrics(asked.service.alert_seconds)
        behind = Prototyped(asked, writer, project, profile, talking=desk)
        yield Service(asked, engine, behind, metrics, app.create_app(behind, engine, writer, metrics))
    engine.dispose()


@contextmanager
def running(made: Service) -> Iterator[Service]:
    """Serve it on a free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        made.port = listener.getsockname()[1]
        settings = listening.config(made.app, receive_seconds=made.scenario.service.receive_seconds)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield made
        finally:
            server.should_exit = True
            thread.join()
