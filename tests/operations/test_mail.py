"""Mail goes out encrypted through a real server, with nothing in its head but what belongs there."""

from __future__ import annotations

import email
import json
import ssl
import subprocess
from collections.abc import Callable, Iterator
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from loopbook.operations.delivery import as_json
from loopbook.operations.mail import Server, recipients, send
from loopbook.operations.night_summary import Summary
from loopbook.scenario.errors import LoopbookError

PASSWORD = "hunter2 pass"


class Box:
    """Keeps what it gets, with the addresses on the envelope."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], EmailMessage]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        message = email.message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.got.append((envelope.rcpt_tos, message))
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address.startswith("nobody@"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"


def allowed(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.login == b"ann" and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for this machine, and what a server does with it."""
    folder = tmp_path_factory.mktemp("certificate")
    key, file = folder / "key.pem", folder / "certificate.pem"
    made = f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout {key} -out {file}"
    subprocess.run([*made.split(), "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return file, context


Start = Callable[[str], tuple[Box, dict[str, str]]]


@pytest.fixture
def started(certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Return a function that starts a real server of a kind, and says what the environment must hold for it."""
    running = []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

    def start(security: str) -> tuple[Box, dict[str, str]]:
        box, context = Box(), certificate[1]
        more: dict[str, Any] = {"ssl_context": context, "auth_require_tls": False}
        if security == "starttls":
            more = {"tls_context": context, "require_starttls": True}
        controller = Controller(
            box, hostname="127.0.0.1", port=free_port(), authenticator=allowed, auth_required=True, **more
        )
        controller.start()
        running.append(controller)
        return box, {
            "LOOPBOOK_SMTP_HOST": "localhost",
            "LOOPBOOK_SMTP_PORT": str(controller.port),
            "LOOPBOOK_SMTP_SECURITY": security,
            "LOOPBOOK_SMTP_USER": "ann",
            "LOOPBOOK_SMTP_PASSWORD": PASSWORD,
            "LOOPBOOK_SMTP_FROM": "loopbook@example.org",
        }

    yield start
    for controller in running:
        controller.stop()


def free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_a_mail_arrives_encrypted_with_the_text_and_the_json(security: str, started: Start, night: Summary) -> None:
    box, environment = started(security)
    to = recipients("ann@example.org, ben@example.org")
    send(Server.of(environment), to, night.subject, night.text(), as_json(night))
    ((envelope, message),) = box.got
    assert envelope == ["ann@example.org", "ben@example.org"]
    assert "bcc" not in map(str.lower, message.keys())
    assert message["Subject"] == "Loopbook, nightly smoke: 1 failed, 1 missed, 1 good"
    assert message["From"] == "loopbook@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == night.text()
    (attached,) = message.iter_attachments()
    assert attached.get_content_type() == "application/json"
    assert json.loads(attached.get_content())["id"] == "nightly-1"


def test_a_subject_of_many_lines_becomes_one(started: Start) -> None:
    box, environment = started("starttls")
    send(Server.of(environment), recipients("ann@example.org"), "one\r\nBcc: all@example.org", "t\n", "{}")
    ((envelope, message),) = box.got
    assert (envelope, message["Subject"]) == (["ann@example.org"], "one Bcc: all@example.org")
    assert message["Bcc"] is None


def test_a_wrong_password_is_told_without_it(started: Start) -> None:
    box, environment = started("starttls")
    server = Server.of(environment | {"LOOPBOOK_SMTP_PASSWORD": "other-secret"})
    with pytest.raises(LoopbookError, match="Authentication") as refused:
        send(server, recipients("ann@example.org"), "s", "t", "{}")
    assert "other-secret" not in str(refused.value) + repr(server)
    assert not box.got


def test_a_certificate_that_nobody_vouches_for_is_refused(started: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    box, environment = started("starttls")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(LoopbookError, match="CERTIFICATE_VERIFY_FAILED"):
        send(Server.of(environment), recipients("ann@example.org"), "s", "t", "{}")
    assert not box.got


def test_a_person_that_the_server_does_not_know_is_named(started: Start) -> None:
    box, environment = started("starttls")
    with pytest.raises(LoopbookError, match=r"refused nobody@example\.org"):
        send(Server.of(environment), recipients("ann@example.org,nobody@example.org"), "s", "t", "{}")
    assert [envelope for envelope, _ in box.got] == [["ann@example.org"]]


def test_a_server_that_is_away_is_named() -> None:
    server = Server.of({"LOOPBOOK_SMTP_HOST": "127.0.0.1", "LOOPBOOK_SMTP_PORT": "9"})
    with pytest.raises(LoopbookError, match=r"127\.0\.0\.1:9: ConnectionRefusedError"):
        send(server, recipients("ann@example.org"), "s", "t", "{}", timeout=5)


NO_ADDRESSES = ["", "ann", "ann@", "@b.org", "ann@b.org\nBcc: c@d.org", "a@b.org,", "a b@c.org", "ü@b.org", "a@b\0.org"]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(LoopbookError, match="is no mail address"):
        recipients(text)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "set LOOPBOOK_SMTP_HOST"),
        ({"SECURITY": "starttsl"}, "Did you mean 'starttls'"),
        ({"PORT": "99999"}, "is no port"),
        ({"USER": "ann"}, "Set both"),
        ({"USER": "ann", "PASSWORD": "x", "SECURITY": "none"}, "in the open"),
        ({"FROM": "me\r\nBcc: a@b.org"}, "is no mail address"),
    ],
)
def test_an_environment_that_cannot_be_is_refused(environment: dict[str, str], message: str) -> None:
    given = {f"LOOPBOOK_SMTP_{name}": value for name, value in environment.items()}
    host = {"LOOPBOOK_SMTP_HOST": "localhost"} if environment else {}
    with pytest.raises(LoopbookError, match=message):
        Server.of(host | given)
