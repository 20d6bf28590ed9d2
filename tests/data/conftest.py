"""What the tests of the data phase share: a scenario around any source, and a server that breaks off."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from loopbook.scenario.contract import Scenario


def build_scenario(
    source: dict[str, Any] | None = None,
    fields: dict[str, str] | None = None,
    label: dict[str, Any] | None = None,
    **data: Any,
) -> Scenario:
    """Build a scenario from a source, fields, a label and settings of the data stage."""
    return Scenario.model_validate(
        {
            "name": "test-agent",
            "title": "Test agent",
            "description": "Reads notes and raises an alarm.",
            "task": {
                "fields": fields or {"text": "text"},
                "label": label or {"column": "alarm", "positive": ["yes"]},
            },
            "source": source or {"kind": "csv", "path": "rows.csv", "id": "id"},
            "data": data,
            "training": {"candidates": {"majority": {"architecture": "majority"}}},
        }
    )


@pytest.fixture
def scenario() -> Callable[..., Scenario]:
    return build_scenario


@dataclass
class Server:
    """A file server on this machine whose behaviour a test chooses."""

    content: bytes = b""
    etag: str | None = '"one"'
    break_off: int = 0  # answers that end after half of what they promised
    ranges: bool = True
    status: list[int] = field(default_factory=list)  # answers to give before any other
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        headers = dict(request.headers.items())
        self.asked.append(headers)
        if self.status and (code := self.status.pop(0)):
            request.send_response(code)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if self.etag and headers.get("If-None-Match") == self.etag:
            request.send_response(304)
            request.end_headers()
            return
        begin = 0
        wanted = headers.get("Range", "")
        fits = headers.get("If-Range") in (None, self.etag)
        if wanted and self.ranges and fits:
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            if begin >= len(self.content):
                request.send_response(416)
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
        else:
            request.send_response(200)
        body = self.content[begin:]
        request.send_header("Content-Length", str(len(body)))
        if self.etag:
            request.send_header("ETag", self.etag)
        request.end_headers()
        if self.break_off:
            self.break_off -= 1
            body = body[: len(body) // 2]
            request.close_connection = True
        request.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    serving = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            serving.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    serving.url = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield serving
    httpd.shutdown()
    httpd.server_close()
    thread.join()
