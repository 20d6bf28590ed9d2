"""Mail over SMTP, encrypted: the server and its password come from the environment, never from files or arguments."""

import os
import smtplib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Self

from loopbook.scenario.errors import LoopbookError, refuse, suggest

PORTS = {"starttls": 587, "ssl": 465, "none": 25}
"""Ways to talk to a server, each with its usual port."""


@dataclass(frozen=True)
class Server:
    """A mail server: ``LOOPBOOK_SMTP_HOST``, ``_PORT``, ``_SECURITY``, ``_USER``, ``_PASSWORD``, ``_FROM``.

    Attributes
    ----------
    security
        ``starttls`` (default), ``ssl``, or ``none`` for a server on this machine; certificates are checked.
    sender
        The address that mails come from.
    """

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    sender: str

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the server that the environment names.

        Raises
        ------
        LoopbookError
            If it names none, or a part of it cannot be.
        """

        def given(name: str) -> str:
            return environment.get(f"LOOPBOOK_SMTP_{name}", "").strip()

        host, port = given("HOST"), given("PORT")
        security = given("SECURITY") or "starttls"
        user, password = given("USER"), environment.get("LOOPBOOK_SMTP_PASSWORD", "")
        refuse(
            LoopbookError,
            (
                not host,
                "--mail needs a server: set LOOPBOOK_SMTP_HOST and, if it asks for them, LOOPBOOK_SMTP_USER and "
                "LOOPBOOK_SMTP_PASSWORD.",
            ),
            (security not in PORTS, f"LOOPBOOK_SMTP_SECURITY is {security!r}.{suggest(security, PORTS)}"),
            (
                port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536),
                f"LOOPBOOK_SMTP_PORT is {port!r}, which is no port.",
            ),
            (
                bool(user) != bool(password),
                "Set both LOOPBOOK_SMTP_USER and LOOPBOOK_SMTP_PASSWORD, or neither.",
            ),
            (
                password and security == "none",
                "LOOPBOOK_SMTP_SECURITY=none would send the password in the open; use starttls or ssl.",
            ),
        )
        sender = given("FROM") or (user if "@" in user else f"loopbook@{socket.getfqdn()}")
        return cls(host, int(port or PORTS[security]), security, user, password, str(_address(sender)))


def recipients(text: str) -> tuple[Address, ...]:
    """Return the addresses in a text, separated by commas.

    Raises
    ------
    LoopbookError
        If one of them is no mail address.
    """
    return tuple(_address(address.strip()) for address in text.split(","))


def send(
    server: Server, to: tuple[Address, ...], subject: str, text: str, attached: str, *, timeout: float = 30
) -> None:
    """Send a mail with a text and a JSON file.

    Parameters
    ----------
    subject, text, attached
        The subject in one line, the text, and what ``summary.json`` holds.
    timeout
        Seconds to wait for each of the server's answers.

    Raises
    ------
    LoopbookError
        If the server cannot be reached or refuses; without the password, whatever the server says.
    """
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = " ".join(subject.split()), server.sender, to
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=server.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    message.add_attachment(attached.encode("utf-8"), maintype="application", subtype="json", filename="summary.json")
    try:
        with _connected(server, timeout) as connection:
            if server.user:
                connection.login(server.user, server.password)
            refused = connection.send_message(message)
    except (smtplib.SMTPException, OSError, MessageError) as error:
        raise LoopbookError(f"{server.host}:{server.port}: {_said(error, server)}") from error
    if refused:
        raise LoopbookError(f"{server.host} refused {', '.join(refused)}")


def _connected(server: Server, timeout: float) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.security == "ssl":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=timeout, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=timeout)
    if server.security == "starttls":
        try:
            connection.starttls(context=context)
        except BaseException:
            connection.close()
            raise
    return connection


def _address(text: str) -> Address:
    try:
        address = Address(addr_spec=text)
        text.encode("ascii")
        if not address.username or not address.domain or not text.isprintable():
            raise ValueError
    except (MessageError, ValueError, IndexError) as error:
        raise LoopbookError(f"{text[:80]!r} is no mail address, such as ann@example.org.") from error
    return address


def _said(error: Exception, server: Server) -> str:
    said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return said.replace(server.password, "***") if server.password else said
