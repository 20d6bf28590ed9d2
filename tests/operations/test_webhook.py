"""A webhook is asked again when it says so, within bounds, and its address stays secret."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loopbook.operations import webhook
from loopbook.scenario.errors import LoopbookError


@pytest.fixture
def overloaded() -> Iterator[tuple[str, list[float], list[str]]]:
    """A real server that answers 503 with Retry-After as long as there are such; its address and times of requests."""
    asked: list[float] = []
    waits: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(time.monotonic())
            self.send_response(503 if waits else 200)
            if waits:
                self.send_header("Retry-After", waits.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook?token=secret", asked, waits
    server.shutdown()
    server.server_close()


def test_a_receiver_that_says_when_is_asked_again_then(overloaded: tuple[str, list[float], list[str]]) -> None:
    address, asked, waits = overloaded
    waits += ["1"]
    webhook.sender(address)({"id": "one"})
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 1


def test_a_receiver_that_asks_for_a_long_wait_gets_a_bounded_one(
    overloaded: tuple[str, list[float], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked, waits = overloaded
    monkeypatch.setattr(webhook, "LONGEST_WAIT", 0)
    waits += ["3600"] * 9
    with pytest.raises(LoopbookError, match=r"127\.0\.0\.1:\d+ could not be reached") as refused:
        webhook.sender(address)({"id": "one"})
    assert len(asked) == 3
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/secret", "http://nowhere.invalid/secret", "http://a b/secret"])
def test_an_address_is_never_repeated(address: str) -> None:
    with pytest.raises(LoopbookError) as refused:
        webhook.sender(address, timeout=2, tries=1)({"id": "one"})
    assert "secret" not in str(refused.value)
