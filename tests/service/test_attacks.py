"""Attacks on the service: each is refused as the documentation says, in the same words."""

from __future__ import annotations

import gzip
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.service.serving import Answer, Service, running, scenario, service

from loopbook.service import keys

PAGE = Path(__file__).resolve().parents[2] / "docs" / "service-security.md"
SECONDS = 1.5
"""In which a request must have arrived, here."""

ATTACKS: dict[str, tuple[str, Callable[[Service], Answer]]] = {}
"""Name of an attack: what is documented as its answer, and the attack itself, which returns the answer."""


def attack(name: str, answer: str) -> Callable[[Callable[[Service], Answer]], None]:
    def note(how: Callable[[Service], Answer]) -> None:
        assert name not in ATTACKS
        ATTACKS[name] = answer, how

    return note


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    asked = scenario(receive_seconds=SECONDS, body_bytes=1_000_000, decisions_per_second=300)
    with service(tmp_path_factory.mktemp("attacked"), asked) as made, running(made) as up:
        yield up


def sent(target: Service, body: bytes) -> Answer:
    return target.decide(body)


def text(target: Service, **changes: object) -> bytes:
    return json.dumps(target.example | changes).encode()


def in_time(target: Service, value: str) -> Answer:
    return target.decide(target.example | {"time": value})


# Who calls


@attack("No key", "401")
def _(target: Service) -> Answer:
    return target.call("POST", "/v1/decisions", target.example)


@attack("A key in another form, such as a password", "401")
def _(target: Service) -> Answer:
    return target.call("POST", "/v1/decisions", target.example, Authorization="Basic YWRtaW46YWRtaW4=")


@attack("A known key's id with another secret", "401")
def _(target: Service) -> Answer:
    return target.decide(target.example, target.secret()[:-1] + ("A" if target.secret()[-1] != "A" else "B"))


@attack("A revoked key", "401, at most 2 seconds after it was revoked, in every worker")
def _(target: Service) -> Answer:
    leaver = target.secret(name="leaver")
    assert target.decide(target.example, leaver).status == 200
    keys.revoke(target.engine, target.behind.name, "leaver", "test")
    time.sleep(keys.SECONDS)
    return target.decide(target.example, leaver)


@attack("A key of another agent", "401")
def _(target: Service) -> Answer:
    return target.decide(target.example, keys.create(target.engine, "other-agent/smoke", "caller", "caller", "test"))


@attack("A reviewer's key asks for a decision", "403")
def _(target: Service) -> Answer:
    return target.decide(target.example, target.secret("reviewer"))


@attack("A caller's key reads /metrics", "403")
def _(target: Service) -> Answer:
    return target.call("GET", "/metrics", secret=target.secret())


@attack("A caller reads another caller's decision", "404, as for one that there is not")
def _(target: Service) -> Answer:
    made = target.decide(target.example, target.secret(name="victim")).json
    assert target.call("GET", f"/v1/decisions/{made['decision_id']}", secret=target.secret(name="victim")).status == 200
    return target.call("GET", f"/v1/decisions/{made['decision_id']}", secret=target.secret())


@attack("A caller gives feedback on another caller's decision", "404")
def _(target: Service) -> Answer:
    made = target.decide(target.example, target.secret(name="victim")).json
    said = {"decision_id": made["decision_id"], "user": "mallory", "rating": 1}
    return target.call("POST", "/v1/feedback", said, target.secret())


@attack("Another web site's script asks (CORS preflight)", "405, and no header that would allow it")
def _(target: Service) -> Answer:
    answer = target.call(
        "OPTIONS", "/v1/decisions", Origin="https://evil.example", Access_Control_Request_Method="POST"
    )
    assert not [name for name in answer.headers if name.startswith("access-control")]
    return answer


# How much


@attack("A body of 10 MB, announced", "413, before it is read")
def _(target: Service) -> Answer:
    return target.raw(target.head("/v1/decisions", "Content-Length: 10000000"))


@attack("A body of 10 MB in chunks, its size not announced", "413, as soon as the limit is passed")
def _(target: Service) -> Answer:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    return target.raw(target.head("/v1/decisions", "Transfer-Encoding: chunked"), *[chunk] * 160)


@attack("A small compressed body that would become a large one", "415: compressed bodies are not taken")
def _(target: Service) -> Answer:
    return target.decide(gzip.compress(b" " * 50_000_000), Content_Encoding="gzip")


@attack("1,001 requests in one call", "422")
def _(target: Service) -> Answer:
    return target.decide([target.example] * 1_001)


@attack("A text longer than the schema allows", "422")
def _(target: Service) -> Answer:
    return target.decide(target.example | {"fields": {"text": "x" * (target.scenario.data.max_characters + 1)}})


@attack("More decisions than the caller's allowance", "429, with the seconds to wait, whichever worker is asked")
def _(target: Service) -> Answer:
    many, secret = [target.example] * 1_000, target.secret(name="greedy")
    for _ in range(20):
        answer = target.decide(many, secret)
        if answer.status != 200:
            break
    assert int(answer.headers["retry-after"]) >= 1
    assert target.decide(target.example, target.secret(name="modest")).status == 200
    return answer


@attack("A request's head of 1 MB", "431")
def _(target: Service) -> Answer:
    return target.raw(target.head("/v1/decisions", f"X-Long: {'x' * 1_000_000}"))


# How slowly


@attack("A connection that says nothing", "408, and it is closed")
def _(target: Service) -> Answer:
    return target.raw()


@attack("A head that comes a byte at a time (slow loris)", "408, and the connection is closed")
def _(target: Service) -> Answer:
    return target.raw(*[bytes([byte]) for byte in target.head()[:20]], pause=SECONDS / 10)


@attack("A body that does not come", "408, and the connection is closed")
def _(target: Service) -> Answer:
    return target.raw(target.head("/v1/decisions", "Content-Length: 100"), b"{")


@attack("An answer that is asked for and not taken", "200 begins, and the connection is closed")
def _(target: Service) -> Answer:
    target.behind.filler = "x" * 8_000_000
    try:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            connection.settimeout(60)
            connection.connect(("127.0.0.1", target.port))
            body = text(target)
            connection.sendall(target.head("/v1/decisions", f"Content-Length: {len(body)}") + body)
            received = connection.recv(1_000)
            time.sleep(3 * SECONDS)
            with suppress(ConnectionResetError):
                while more := connection.recv(1_000_000):
                    received += more
    finally:
        target.behind.filler = ""
    assert len(received) < 8_000_000, "the rest was thrown away"
    return Answer(int(received.split()[1]), {}, received)


# What


@attack("No JSON", "400")
def _(target: Service) -> Answer:
    return sent(target, b"{'id': 1}")


@attack("100,000 lists in one another", "400")
def _(target: Service) -> Answer:
    return sent(target, b"[" * 100_000)


@attack("100,000 objects in one another", "400")
def _(target: Service) -> Answer:
    return sent(target, b'{"fields":' * 50_000)


@attack("Bytes that are no UTF-8", "400")
def _(target: Service) -> Answer:
    return sent(target, text(target).replace(b"regulator", b"\xff\xfe\xc0\x80"))


@attack("Half of a surrogate pair, escaped", "400")
def _(target: Service) -> Answer:
    return sent(target, text(target).replace(b"regulator", b"\\ud800"))


@attack("Half of a surrogate pair, as bytes", "400")
def _(target: Service) -> Answer:
    return sent(target, text(target).replace(b"regulator", b"\xed\xa0\x80"))


@attack("NaN, Infinity or 1e999 for a number", "422")
def _(target: Service) -> Answer:
    made = target.decide(target.example).json["decision_id"]
    said = {"decision_id": made, "user": "u", "seconds": 1}
    answers = [
        target.call("POST", "/v1/feedback", json.dumps(said).replace(": 1}", f": {odd}}}").encode(), target.secret())
        for odd in ("NaN", "Infinity", "-Infinity", "1e999")
    ]
    assert {answer.status for answer in answers} == {422}
    return answers[0]


@attack("A number of 5,000 digits", "400")
def _(target: Service) -> Answer:
    return sent(target, b'{"fields": {"text": ' + b"9" * 5_000 + b"}}")


@attack("A time before 1900 or after 2199", "422")
def _(target: Service) -> Answer:
    assert in_time(target, "9999-12-31T23:59:59-14:00").status == 422
    return in_time(target, "0001-01-01T00:00:00+14:00")


@attack("A field that there is not, or of another type", "422, and the value is not repeated")
def _(target: Service) -> Answer:
    other = target.decide(target.example | {"fields": {"text": {"$ne": "secret-value"}}})
    assert other.status == 422 and b"secret-value" not in other.body
    return target.decide(target.example | {"admin": "secret-value"})


@attack("A script as id, in text and in a comment", "200: data that no browser runs (JSON, nosniff, no script may run)")
def _(target: Service) -> Answer:
    script = "<script>alert(1)</script>"
    answer = target.decide(target.example | {"id": script, "fields": {"text": script}})
    assert answer.json["id"] == script
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    said = {"decision_id": answer.json["decision_id"], "user": "u", "comment": script}
    assert target.call("POST", "/v1/feedback", said, target.secret()).status == 201
    return answer


@attack("SQL in an id", "200: a text like any other")
def _(target: Service) -> Answer:
    return target.decide(target.example | {"id": "'; DROP TABLE log_records; --"})


@attack("Not application/json", "415")
def _(target: Service) -> Answer:
    return target.decide(text(target), Content_Type="text/plain")


# Where


@attack(
    "Paths that lead up or elsewhere (`..`, encoded, doubled, with a null byte)", "404 or 422: no path names a file"
)
def _(target: Service) -> Answer:
    paths = (
        "/v1/decisions/../../../etc/passwd",
        "/v1/decisions/..%2f..%2f..%2fetc%2fpasswd",
        "/v1/decisions/%2e%2e",
        "/v1/decisions/a%00b",
        "/v1/decisions/%ff%fe",
        "/v1/decisions/' OR 1=1 --".replace(" ", "%20"),
        "//v1//decisions//x",
        "/.git/config",
        "/v1/decisions/" + "a" * 5_000,
        "/docs",
    )
    answers = [target.call("GET", path, secret=target.secret("admin")) for path in paths]
    assert {answer.status for answer in answers} <= {404, 422}, [
        (p, a.status) for p, a in zip(paths, answers, strict=True)
    ]
    return answers[0]


@attack("Another method", "405")
def _(target: Service) -> Answer:
    return target.call("DELETE", "/v1/decisions", secret=target.secret("admin"))


# Again


@attack("An idempotency key again, with the same body", "200: the first answer again, and nothing is decided")
def _(target: Service) -> Answer:
    first, again = (target.decide(target.example, Idempotency_Key="again-1") for _ in range(2))
    assert first.json == again.json and again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    return again


@attack("An idempotency key again, with another body", "422")
def _(target: Service) -> Answer:
    assert target.decide(target.example, Idempotency_Key="again-2").status == 200
    assert target.decide([target.example] * 2, Idempotency_Key="again-2").status == 422
    return target.decide(target.example | {"id": "another"}, Idempotency_Key="again-2")


@attack("Another caller's idempotency key", "200: a decision of one's own; nothing of the other's is shown")
def _(target: Service) -> Answer:
    first = target.decide(target.example, Idempotency_Key="again-3")
    other = target.decide(target.example, target.secret(name="victim"), Idempotency_Key="again-3")
    assert other.json["decision_id"] != first.json["decision_id"]
    return other


@attack("An idempotency key of 201 characters, or with spaces", "400")
def _(target: Service) -> Answer:
    assert target.decide(target.example, Idempotency_Key="a b").status == 400
    return target.decide(target.example, Idempotency_Key="x" * 201)


# What is no HTTP


@attack("Two lengths, or a length and chunks (request smuggling)", "400, and the connection is closed")
def _(target: Service) -> Answer:
    both = target.raw(target.head("/v1/decisions", "Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n")
    assert both.status == 400
    return target.raw(target.head("/v1/decisions", "Content-Length: 4", "Content-Length: 5") + b"aaaaa")


@attack("Not HTTP at all", "400, and the connection is closed")
def _(target: Service) -> Answer:
    return target.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")


@attack("A fault inside", "500 with the incident's id, and nothing else")
def _(target: Service) -> Answer:
    def fail(_: object) -> None:
        raise ValueError("SELECT secret FROM inside; /srv/loopbook/model.onnx")

    target.behind.before = fail
    try:
        answer = target.decide(target.example)
    finally:
        target.behind.before = None
    assert set(answer.json) == {"type", "title", "status", "detail", "incident"}
    assert re.fullmatch(r"[0-9a-f]{16}", answer.json["incident"])
    for told in (b"secret", b"srv", b"ValueError", b"Traceback", b".py"):
        assert told not in answer.body
    return answer


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_answered_as_documented(target: Service, name: str) -> None:
    documented, how = ATTACKS[name]
    answer = how(target)
    assert answer.status in [int(status) for status in re.findall(r"\b[1-5]\d\d\b", documented)], answer
    if answer.status >= 400 and not name.startswith(("Two lengths", "Not HTTP")):  # the parser's own words
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["status"] == answer.status and answer.json["detail"]
    assert target.decide(target.example, target.secret(name="after")).status == 200, "and the others are served"


def test_the_page_has_the_same_table() -> None:
    shown = re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    table = shown[shown.index(("attack", "answer")) + 2 :][: len(ATTACKS)]
    assert table == [(name, answer) for name, (answer, _) in ATTACKS.items()]
