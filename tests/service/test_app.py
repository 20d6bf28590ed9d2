"""The application: what it answers in ordinary and in bad times; attacks have a file of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from tests.service.serving import Service, running, scenario, service

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.entry import LogError, Stored
from loopbook.decisions.audit.tables import PAYLOADS
from loopbook.scenario.errors import LoopbookError
from loopbook.service.deciding import Asked, Busy


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    asked = scenario(explain_seconds=0.5)
    with service(tmp_path_factory.mktemp("app"), asked) as made, running(made) as up:
        yield up


@pytest.fixture
def failing(up: Service) -> Iterator[list[Any]]:
    """Return what the agent does with requests: nothing, until a test puts in an error to raise or a function."""
    what: list[Any] = []

    def before(asked: Asked) -> None:
        if what and isinstance(what[0], Exception):
            raise what[0]

    up.behind.before = before
    yield what
    up.behind.before = None


def test_a_decision_stands_in_the_log_before_it_is_answered(up: Service) -> None:
    told = up.decide(up.example).json
    stored = reader.find(up.engine, up.behind.name, told["decision_id"])
    assert stored is not None and stored.payload is not None
    assert stored.facts["caller"] == "a-caller" and stored.payload["row_id"] == up.example["id"]
    record = up.call("GET", f"/v1/decisions/{told['decision_id']}", secret=up.secret()).json
    assert record["facts"] == stored.facts and record["payload"] == stored.payload and record["explanation"] is None


def test_feedback_keeps_a_pseudonym_and_a_masked_comment(up: Service) -> None:
    made = up.decide(up.example).json["decision_id"]
    said = {
        "decision_id": made,
        "user": "jane.doe",
        "comment": "Call me: jane.doe@example.com",
        "rating": 2,
        "seconds": 8.5,
    }
    answers = [up.call("POST", "/v1/feedback", said, up.secret(), Idempotency_Key="said-1") for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]
    assert answers[0].json == answers[1].json
    (kept,) = [one for one in reader.about(up.engine, made) if one.kind == "feedback"]
    assert kept.payload is not None and kept.payload["comment"] == "Call me: [MAIL]"
    assert kept.facts["rating"] == 2 and kept.facts["caller"] == "a-caller" and "label" not in kept.facts
    assert "jane" not in json.dumps([kept.facts, kept.payload])
    other = up.call("POST", "/v1/feedback", said | {"rating": 5}, up.secret(), Idempotency_Key="said-1")
    assert other.status == 422 and "another body" in other.json["detail"]


@pytest.mark.parametrize("said", [{}, {"seconds": 3}, {"comment": None}, {"rating": 7}, {"label": "no such class"}])
def test_feedback_that_says_nothing_is_refused(up: Service, said: dict[str, Any]) -> None:
    made = up.decide(up.example).json["decision_id"]
    answer = up.call("POST", "/v1/feedback", {"decision_id": made, "user": "u", **said}, up.secret())
    assert answer.status == 422


def test_what_was_forgotten_is_null_and_its_key_still_holds(up: Service) -> None:
    first = up.decide(up.example, Idempotency_Key="forgotten").json
    with up.engine.begin() as connection:
        stored = reader.find(up.engine, up.behind.name, first["decision_id"])
        assert stored is not None
        where = (PAYLOADS.c.writer == stored.writer) & (PAYLOADS.c.seq == stored.seq)
        connection.execute(PAYLOADS.delete().where(where))
    record = up.call("GET", f"/v1/decisions/{first['decision_id']}", secret=up.secret()).json
    assert record["payload"] is None and record["facts"]["action"] == first["action"]
    assert up.decide(up.example, Idempotency_Key="forgotten").json == first


@pytest.mark.parametrize(
    ("error", "status", "waits"),
    [
        (Busy("2,000 decisions are waiting already."), 503, True),
        (LogError("the disk of /srv/secret is full"), 503, True),
        (OperationalError("INSERT INTO secret", {}, Exception("gone")), 503, True),
        (LoopbookError("/srv/secret cannot be read"), 500, False),
        (ValueError("secret"), 500, False),
    ],
)
def test_bad_times(up: Service, failing: list[Any], error: Exception, status: int, waits: bool) -> None:
    failing.append(error)
    answer = up.decide(up.example)
    assert answer.status == status and ("retry-after" in answer.headers) == waits
    assert b"secret" not in answer.body and answer.json["status"] == status
    failing.clear()
    assert up.decide(up.example).status == 200


def test_who_waits_too_long_is_told_to_come_back_and_gets_what_was_decided(tmp_path: Path) -> None:
    with service(tmp_path, scenario(answer_seconds=0.3)) as made, running(made) as up:
        decide, held = up.behind.decide, []

        def slow(asked: Asked) -> Future[list[Stored]]:
            held.append((asked, Future()))
            return held[-1][1]

        up.behind.decide = slow
        late = up.decide(up.example, Idempotency_Key="late")
        assert late.status == 503 and "same Idempotency-Key" in late.json["detail"]
        ((asked, future),) = held
        (stored,) = decide(asked).result()
        future.set_result([stored])
        up.behind.decide = decide
        again = up.decide(up.example, Idempotency_Key="late")
        while again.status == 503:  # on a busy machine
            again = up.decide(up.example, Idempotency_Key="late")
        assert again.json["decision_id"] == stored.id and again.headers["idempotency-replayed"] == "true"


def test_one_explanation_at_a_time_and_no_reason_from_inside(up: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    made = up.decide(up.example).json["decision_id"]
    path = f"/v1/decisions/{made}?explain=true"
    assert up.call("GET", path, secret=up.secret()).json["explanation"]["complete"]

    def fail(stored: Stored, seconds: float) -> Any:
        raise LoopbookError("no model in /srv/secret")

    monkeypatch.setattr(up.behind, "explain", fail)
    answer = up.call("GET", path, secret=up.secret())
    assert answer.status == 409 and b"secret" not in answer.body
    assert up.call("GET", path, secret=up.secret()).status == 409, "the place is free again"


def test_ready_says_why_not(up: Service) -> None:
    assert up.call("GET", "/healthz").json == {"alive": True}
    assert up.call("GET", "/readyz").json == {"ready": True, "detail": "ready", "alerts": []}
    up.behind.stopped = "going down"
    try:
        answer = up.call("GET", "/readyz")
        assert answer.status == 503 and answer.json["detail"] == "going down"
        assert up.call("GET", "/healthz").status == 200
    finally:
        up.behind.stopped = None


def test_what_is_served(up: Service) -> None:
    told = up.call("GET", "/v1/agent", secret=up.secret("reviewer")).json
    assert told["name"] == "market-monitor/smoke" and told["simulated"] is True
    assert {"model", "policy", "rules", "data", "code", "run"} <= told["versions"].keys()
    assert up.decide(told["schemas"]["example_request"]).status == 200


def test_counts_go_by_pattern_so_that_made_up_paths_fill_no_memory(up: Service) -> None:
    for number in range(20):
        up.call("GET", f"/v1/decisions/made-up-{number}", secret=up.secret())
        up.call("GET", f"/nothing/{number}")
    text = up.call("GET", "/metrics", secret=up.secret("reviewer")).body.decode()
    assert 'route="/v1/decisions/{id}"' in text and 'route="none"' in text
    assert "made-up" not in text and "/nothing" not in text


def test_open_metrics_ask_for_no_key(tmp_path: Path) -> None:
    with service(tmp_path, scenario(open_metrics=True)) as made, running(made) as up:
        assert b"loopbook_requests_total" in up.call("GET", "/metrics").body


def test_a_header_of_each_answer(up: Service) -> None:
    for answer in (up.decide(up.example), up.call("GET", "/nothing"), up.call("GET", "/healthz"), up.decide(b"{")):
        assert answer.headers["cache-control"] == "no-store" and answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers and "strict-transport-security" not in answer.headers


def test_a_large_call_is_read_beside_the_loop_and_answered_in_order(up: Service) -> None:
    many = json.dumps([up.example | {"id": str(number)} for number in range(1_000)]).encode()
    assert len(many) > 65_536
    assert [each["id"] for each in up.decide(many).json] == [str(number) for number in range(1_000)]
