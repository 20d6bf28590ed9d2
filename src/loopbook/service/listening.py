"""Where the service listens: loopback unless told, elsewhere only encrypted; and how long it waits for a request."""

import asyncio
import gc
import ipaddress
import math
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from loopbook.scenario.errors import LoopbookError
from loopbook.service.errors import MEDIA, problem
from loopbook.service.headers import STRICT

HEAD_BYTES = 16_384
"""Request line and headers together."""

_BACKLOG = 2_048
_DRAIN = 0.5  # seconds for which callers that hold a connection may come once more, and hear that it ends
_GOODBYE = 1.0  # seconds


def protocol(seconds: float) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol with what it lacks: a time and a size for the head of a request, a time for an answer.

    Without them a connection that sends nothing, or a header a minute, is held for ever, and its headers fill the
    memory.

    Parameters
    ----------
    seconds
        From the connection, or the first byte of a later request, to the end of its headers; and for the caller to take
        more of an answer that is longer than what the network holds.
    """

    class Guarded(HttpToolsProtocol):
        """uvicorn's HTTP/1.1 by httptools, with limits on the head.

        Attributes
        ----------
        shared_from
            Connections that were made before this time (`time.monotonic`) end with their next answer.
        """

        shared_from = -math.inf
        _waiting: asyncio.TimerHandle | None = None
        _unread: asyncio.TimerHandle | None = None
        _size = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._made = time.monotonic()
            self._waiting = self.loop.call_later(seconds, self._late)

        def connection_lost(self, exc: Exception | None) -> None:
            self._arrived()
            self._is_read()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._size >= 0:
                self._size += len(data)
            super().data_received(data)
            if self._size > HEAD_BYTES and not self.transport.is_closing():
                self._refuse(431, f"The request's line and headers are longer than {HEAD_BYTES:,} bytes.")

        def on_message_begin(self) -> None:
            self._size = max(self._size, 0)
            if self._waiting is None:
                self._waiting = self.loop.call_later(seconds, self._late)
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._arrived()
            super().on_headers_complete()
            if self._made < self.shared_from:
                self.cycle.keep_alive = False

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread = self.loop.call_later(seconds, self.transport.abort)

        def resume_writing(self) -> None:
            self._is_read()
            super().resume_writing()

        def shutdown(self) -> None:
            super().shutdown()
            if self.transport.is_closing():  # an idle caller by TLS is asked to agree, and might take half a minute
                self.loop.call_later(_GOODBYE, self.transport.abort)

        def _is_read(self) -> None:
            if self._unread is not None:
                self._unread.cancel()
                self._unread = None

        def _arrived(self) -> None:
            self._size = -1
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

        def _late(self) -> None:
            self._waiting = None
            if not self.transport.is_closing():
                self._refuse(408, f"The request's headers did not come within {seconds:g} s.")

        def _refuse(self, status: int, detail: str) -> None:
            body = problem(status, detail)
            told = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA}\r\nconnection: close\r\n"
            strict = b"".join(b"%b: %b\r\n" % header for header in STRICT)
            self.transport.write(told.encode() + strict + b"content-length: %d\r\n\r\n" % len(body) + body)
            self.transport.close()

    return Guarded


def config(
    app: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    certificate: Path | None = None,
    private_key: Path | None = None,
    behind_proxy: bool = False,
    receive_seconds: float = 10,
    connections: int = 1_000,
) -> uvicorn.Config:
    """Return uvicorn's configuration.

    Parameters
    ----------
    app
        What `app.create_app` returned.
    host, port
        Where to listen.
    certificate, private_key
        PEM files: callers come by TLS.
    behind_proxy
        Somebody else encrypts, and this address is reached by nobody but them.
    receive_seconds
        In which the headers of a request must have come.
    connections
        At once; beyond them 503.

    Raises
    ------
    LoopbookError
        If keys and texts would cross a network unencrypted, or a file is not there.
    """
    check(host, certificate, private_key, behind_proxy)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol(receive_seconds),
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        limit_concurrency=connections,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=30,
        ssl_certfile=certificate,
        ssl_keyfile=private_key,
    )


class _Server(uvicorn.Server):
    """uvicorn, which says when it listens."""

    def __init__(self, settings: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(settings)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections, end those in use with their next answer, and only then close what is idle.

        A connection that is closed between two requests fails the one that its caller is just sending.
        """
        for server in self.servers:
            server.close()
        for own in sockets or ():
            own.close()
        share(self.config)
        await asyncio.sleep(_DRAIN)
        await super().shutdown(sockets)


def run(
    settings: uvicorn.Config, sockets: list[socket.socket] | None = None, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until a signal says stop.

    What is in memory by now stays, and is not looked through for garbage any more: with the libraries that decide
    loaded, that took a third of the time of each request.

    Parameters
    ----------
    settings
        What `config` returned.
    sockets
        Where to listen; None: at the address that the settings name.
    ready
        Called when it listens.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    _Server(settings, ready).run(sockets=sockets)


def share(settings: uvicorn.Config) -> None:
    """Let connections that are open end with their next answer: their callers come again, and to new workers too.

    Without it a worker that is added gets nothing of what comes by connections that are held.
    """
    settings.http.shared_from = time.monotonic()  # type: ignore[union-attr]


def check(host: str, certificate: Path | None, private_key: Path | None, behind_proxy: bool) -> None:
    """Refuse to listen where keys and texts would cross a network unencrypted.

    Raises
    ------
    LoopbookError
        If that is so, or half of a certificate is given, or a file is not there.
    """
    if (certificate is None) != (private_key is None):
        raise LoopbookError("--certificate and --private-key belong together; give both.")
    for option, path in (("--certificate", certificate), ("--private-key", private_key)):
        if path is not None and not path.is_file():
            raise LoopbookError(f"{option} {path}: there is no such file.")
    if certificate is None and not behind_proxy and not _loopback(host):
        raise LoopbookError(
            f"{host} is reached by others, and API keys and texts would cross the network unencrypted. Give "
            "--certificate and --private-key; or, if a proxy that encrypts stands before it and nobody else reaches "
            "this address, --behind-proxy. Without --host only this machine reaches the service."
        )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: who it is depends on who is asked
        return False
