"""Every message of an outbox is delivered once, whatever is killed when and whoever does not answer."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopbook.decisions.outbox import COLUMNS, table
from loopbook.operations import outbox_delivery, webhook
from loopbook.scenario.errors import LoopbookError


def box(*numbers: int) -> pd.DataFrame:
    rows = ((f"id{at}", "alert", f"d{at}", f"r{at}", "", json.dumps({"text": f"ü {at}\n"})) for at in numbers)
    return table([dict(zip(COLUMNS, row, strict=True)) for row in rows])


def ids(sent: Path) -> list[str]:
    return [json.loads(line)["id"] for line in sent.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    return tmp_path / "state" / "sent.jsonl"


def test_every_id_is_delivered_once_however_often_one_delivers(sent: Path) -> None:
    assert outbox_delivery.deliver(box(1, 2), sent) == (2, 0)
    assert outbox_delivery.deliver(box(1, 2), sent) == (0, 2)
    assert outbox_delivery.deliver(box(2, 3, 3), sent) == (1, 1)
    assert ids(sent) == ["id1", "id2", "id3"]
    assert json.loads(sent.read_text(encoding="utf-8").splitlines()[0]) == {"id": "id1", "text": "ü 1\n"}


def test_an_empty_outbox_delivers_nothing(sent: Path) -> None:
    assert outbox_delivery.deliver(box(), sent) == (0, 0)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 200))
def test_wherever_a_kill_cuts_the_file_each_id_is_there_once_afterwards(tmp_path: Path, cut: int) -> None:
    sent = tmp_path / "cut.jsonl"
    sent.unlink(missing_ok=True)
    outbox_delivery.deliver(box(1, 2, 3), sent)
    sent.write_bytes(sent.read_bytes()[:cut])
    outbox_delivery.deliver(box(1, 2, 3), sent)
    assert ids(sent) == ["id1", "id2", "id3"]


def test_processes_that_deliver_at_once_deliver_each_id_once(sent: Path, tmp_path: Path) -> None:
    box(*range(40)).to_parquet(tmp_path / "box.parquet")
    code = (
        "import sys, pathlib, pandas as pd; from loopbook.operations import outbox_delivery; box, sent = sys.argv[1:]; "
        "print(outbox_delivery.deliver(pd.read_parquet(box), pathlib.Path(sent))[0])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "box.parquet"), str(sent)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sum(int(each.communicate()[0]) for each in running) == 40
    assert sorted(ids(sent)) == sorted(f"id{at}" for at in range(40))


def test_a_message_that_does_not_arrive_is_sent_again_and_the_others_are_not(sent: Path) -> None:
    arrived: list[str] = []

    def send(message: Any) -> None:
        if message["id"] == "id2" and arrived.count("id1") == 1 and "tried" not in arrived:
            arrived.append("tried")
            raise ConnectionError("away")
        arrived.append(message["id"])

    with pytest.raises(LoopbookError, match=r"id2 could not be sent \(away\)\. 1 were delivered.* 2 wait"):
        outbox_delivery.deliver(box(1, 2, 3), sent, send)
    assert outbox_delivery.deliver(box(1, 2, 3), sent, send) == (2, 1)
    assert arrived == ["id1", "tried", "id2", "id3"]


def test_a_file_of_something_else_is_not_written_to(sent: Path) -> None:
    sent.parent.mkdir()
    for content in ("my diary\n", "{}\n", "[1]\n"):
        sent.write_text(content)
        with pytest.raises(LoopbookError, match="not a file of delivered messages"):
            outbox_delivery.deliver(box(1), sent)
        assert sent.read_text() == content


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[str, Any]], list[int]]]:
    """A real server: its address, what it got, and the answers that it gives first."""
    got: list[tuple[str, Any]] = []
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = answers.pop(0) if answers else 204
            if answer == 204:
                got.append((self.headers["Idempotency-Key"], body))
            self.send_response(answer)
            self.send_header("Content-Length", "0")
            if answer == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got, answers
    server.shutdown()
    server.server_close()


def test_a_webhook_gets_each_message_with_its_id(sent: Path, receiver: Any) -> None:
    address, got, answers = receiver
    answers += [503]  # overloaded once: tried again
    outbox_delivery.deliver(box(1, 2), sent, webhook.sender(address))
    outbox_delivery.deliver(box(1, 2), sent, webhook.sender(address))
    assert got == [("id1", {"id": "id1", "text": "ü 1\n"}), ("id2", {"id": "id2", "text": "ü 2\n"})]


@pytest.mark.parametrize("answer", [302, 400])
def test_a_receiver_that_refuses_is_named_and_nothing_is_noted(sent: Path, receiver: Any, answer: int) -> None:
    address, got, answers = receiver
    answers += [answer]
    with pytest.raises(LoopbookError, match=f"answered {answer}"):
        outbox_delivery.deliver(box(1), sent, webhook.sender(address))
    assert ids(sent) == [] and got == []


def test_a_receiver_that_is_away_leaves_the_message_waiting(sent: Path) -> None:
    with pytest.raises(LoopbookError, match="could not be sent"):
        outbox_delivery.deliver(box(1), sent, webhook.sender("http://127.0.0.1:9/", timeout=2, tries=1))
    assert ids(sent) == []


def test_only_http_addresses_are_webhooks() -> None:
    with pytest.raises(LoopbookError, match="begins with http"):
        webhook.sender("file:///etc/passwd")
