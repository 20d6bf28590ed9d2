"""Where the service listens, and that TLS works from end to end."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests
import uvicorn
from tests.service.serving import scenario, service

from loopbook.scenario.errors import LoopbookError
from loopbook.service import app, listening
from loopbook.service.client import Client


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate for this machine, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.10"])
def test_this_machine_may_be_reached_by_itself(host: str) -> None:
    listening.check(host, None, None, False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.com", "localhost.example.com", ""])
def test_others_only_encrypted(host: str, pair: tuple[Path, Path]) -> None:
    with pytest.raises(LoopbookError, match="--behind-proxy"):
        listening.check(host, None, None, False)
    listening.check(host, *pair, False)
    listening.check(host, None, None, True)


def test_half_a_certificate_is_none(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(LoopbookError, match="belong together"):
        listening.check("0.0.0.0", pair[0], None, False)
    with pytest.raises(LoopbookError, match=r"--private-key .*no such file"):
        listening.check("0.0.0.0", pair[0], tmp_path / "none.pem", False)


def test_tls(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with service(tmp_path, scenario()) as made, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        encrypted = app.create_app(made.behind, made.engine, made.behind.writer, made.metrics, encrypted=True)
        server = uvicorn.Server(listening.config(encrypted, certificate=pair[0], private_key=pair[1]))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with Client(address, made.secret(), certificate=str(pair[0])) as client:
            assert client.decide(made.example)["id"] == made.example["id"]
        answer = requests.get(f"{address}/healthz", verify=str(pair[0]), timeout=10)
        assert "max-age" in answer.headers["strict-transport-security"]
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{address}/healthz", timeout=10)
        server.should_exit = True
        thread.join()
