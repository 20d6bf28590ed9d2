"""Visits of a crawl: an address that is to be visited, what came of it, and what is written down of both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

WAITING, PAGE, MOVED = "waiting", "page", "moved"
"""States of a visit; any other is the reason why its content is no use."""


class Visit(NamedTuple):
    """An address of a crawl, and what came of it: the columns of the journal."""

    seq: int
    kind: str
    address: str
    depth: int
    hops: int
    lineage: tuple[str, ...]
    state: str
    status: int
    headers: Mapping[str, str]
    sha256: str | None
    size: int
    detail: str
    at: str


@dataclass(frozen=True)
class Found:
    """An address that is to be visited: kind is page, feed, sitemap or robots; lineage are the patterns before it."""

    address: str
    kind: str = "page"
    depth: int = 0
    hops: int = 0
    lineage: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a visit, with the addresses that it led to, and how many were left out, by reason."""

    state: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    size: int = 0
    detail: str = ""
    found: tuple[Found, ...] = ()
    left: Mapping[str, int] = field(default_factory=dict)
