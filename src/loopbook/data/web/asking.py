"""Polite requests: one at a time and paced for each host, streamed up to a limit, retried with backoff."""

import threading
import time
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from loopbook.data.web import addresses, connections
from loopbook.data.web.addresses import host

AGENT = "Loopbook"
"""The name by which robots.txt may speak of us."""

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})
_CHUNK = 1 << 16
_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_SECONDS = 120.0  # for a whole answer: a server that sends a byte a second is left
_LONGEST_WAIT = 600.0  # of a Retry-After; who asks for more is left alone this time
_KEPT = ("content-type", "content-encoding", "content-language", "date", "etag", "last-modified", "location",
         "retry-after", "x-robots-tag", "link")  # fmt: skip


class Stopped(Exception):
    """The fetch was ended while a request waited for its turn; nothing came."""


@dataclass(frozen=True)
class Answer:
    """What came of asking for an address.

    Attributes
    ----------
    status
        Of the last answer; 0: there was none.
    headers
        Names in small letters: those that say something of the content, and when to come again.
    body
        Decompressed; empty if anything is wrong with it.
    size
        Bytes that came, decompressed.
    problem
        Reason and detail, if it is no use: error, too-large, not-html, private-address.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    size: int = 0
    problem: tuple[str, str] | None = None

    @property
    def moved(self) -> str | None:
        """Where a redirect leads to, as the server writes it."""
        return self.headers.get("location") if self.status in _MOVED else None


class Asking:
    """Asks servers, no more than one request a host at a time; for several threads, each with hosts of its own.

    Parameters
    ----------
    contact
        Mail or web address that stands in User-Agent.
    private
        Hosts that may have private addresses.
    attempts, retry_seconds
        How often, and how long before the second attempt; doubled before each further one.
    """

    def __init__(self, contact: str, private: Collection[str], attempts: int, retry_seconds: float) -> None:
        self._pool = connections.pool(private)
        self._agent = f"{AGENT}/{version('loopbook')} (+{contact})"
        self._attempts, self._retry_seconds = attempts, retry_seconds
        self._free_at: dict[str, float] = {}
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let no further request begin; whoever waits for its turn gets `Stopped`."""
        self._stop.set()

    def get(
        self,
        address: str,
        pace: float,
        limit: int,
        known: Mapping[str, str] | None = None,
        kinds: Collection[str] = (),
    ) -> Answer:
        """Ask for one address, again where the error passes; redirects are not followed.

        Parameters
        ----------
        address
            In canonical form.
        pace
            Seconds between the end of a request to this host and the next.
        limit
            Bytes of the body; a longer one is cut off while it comes, and left.
        known
            Headers of the last time: the request is conditional then, and the answer may have status 304.
        kinds
            Content types to take; none: all.

        Raises
        ------
        Stopped
            If the fetch is ended meanwhile.
        """
        answer, own = Answer(), host(address)
        for attempt in range(self._attempts):
            backoff = self._retry_seconds * 2 ** (attempt - 1) if attempt else 0.0
            if sent_away(answer.headers):
                break
            self._wait(own, max(backoff, _retry_after(answer.headers.get("retry-after", ""))))
            try:
                answer = self._once(address, limit, known or {}, kinds)
            finally:
                self._free_at[own] = time.monotonic() + pace
            if (answer.status and answer.status not in _AGAIN) or (answer.problem and answer.problem[0] != "error"):
                return answer
        return answer

    def follow(self, address: str, pace: float, limit: int, hops: int = 5) -> Answer:
        """Ask for an address, and for where its redirects lead to, wherever that is (RFC 9309, for robots.txt)."""
        answer = self.get(address, pace, limit)
        while answer.moved and hops:
            address, hops = addresses.canonical(answer.moved, address) or "", hops - 1
            answer = self.get(address, pace, limit) if address else Answer(problem=("error", "a redirect to nowhere"))
        return answer

    def _wait(self, own: str, least: float) -> None:
        ends = max(self._free_at.get(own, 0.0), time.monotonic() + least)
        self._pause(max(0.0, ends - time.monotonic()))
        if self._stop.is_set():
            raise Stopped

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _once(self, address: str, limit: int, known: Mapping[str, str], kinds: Collection[str]) -> Answer:
        asked = {"User-Agent": self._agent, "Accept-Encoding": "gzip, deflate", "Accept": ", ".join(kinds) or "*/*"}
        asked |= {"If-None-Match": known["etag"]} if "etag" in known else {}
        asked |= {"If-Modified-Since": known["last-modified"]} if "last-modified" in known else {}
        try:
            response = self._pool.request(
                "GET", address, headers=asked, retries=False, redirect=False, preload_content=False, timeout=_TIMEOUT
            )
        except connections.PrivateAddress as error:
            return Answer(problem=("private-address", f"{error}; source.private_hosts may name it"))
        except SSLError as error:
            return Answer(status=0, problem=("tls", f"no secure connection: {error}"))
        except (HTTPError, ValueError) as error:  # http.client has ValueErrors of its own for what a server sends
            return Answer(problem=("error", f"no answer ({type(error).__name__})"))
        with closing(response):
            return _read(response, limit, kinds)


def sent_away(headers: Mapping[str, str]) -> bool:
    """Say whether a server asks us to come back so much later that this fetch does not wait for it."""
    return _retry_after(headers.get("retry-after", "")) > _LONGEST_WAIT


def _read(response: Any, limit: int, kinds: Collection[str]) -> Answer:
    headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
    answer = Answer(response.status, headers)
    if response.status != 200:
        said = None if response.status in _MOVED or response.status == 304 else f"the server answered {response.status}"
        return Answer(response.status, headers, problem=("error", said) if said else None)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kinds and kind and kind not in kinds:
        return Answer(200, headers, problem=("not-html", f"content type {kind[:60]}"))
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        return Answer(200, headers, problem=("too-large", f"{int(length):,} bytes; source.page_bytes is {limit:,}"))
    body, ends = bytearray(), time.monotonic() + _SECONDS
    try:
        while chunk := response.read(min(_CHUNK, limit + 1 - len(body)), decode_content=True):
            body += chunk
            if len(body) > limit:
                detail = f"cut off after {limit:,} bytes, which is source.page_bytes"
                return Answer(200, headers, size=len(body), problem=("too-large", detail))
            if time.monotonic() > ends:
                return Answer(0, headers, size=len(body), problem=("error", f"not whole after {_SECONDS:.0f} s"))
    except (HTTPError, ValueError) as error:
        return Answer(0, headers, size=len(body), problem=("error", f"broke off ({type(error).__name__})"))
    return Answer(answer.status, headers, bytes(body), len(body))


def _retry_after(text: str) -> float:
    """Return the seconds that a server asks to wait, by a number or a date; 0 if it says neither."""
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
