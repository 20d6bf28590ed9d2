"""What was saved of a source on the web: where, as rows with what could not be used, and with a hash of it all."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loopbook.data.files import Broken, Table
from loopbook.data.web import addresses, feeds, pages
from loopbook.data.web.addresses import Scope, host
from loopbook.data.web.journal import Journal, opened
from loopbook.data.web.pages import Page
from loopbook.data.web.visits import MOVED, PAGE, Visit
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import CrawlSource, FeedSource

FEED = ("id", "title", "text", "time", "fetched", "author", "feed", "site", "category", "address", "language")
CRAWL = ("id", "title", "text", "time", "fetched", "author", "site", "section", "language", "depth")
"""Columns of the two kinds; text without markup, `fetched` is when this content was first seen."""

REMEDY = "Fetch it: python -m loopbook fetch --scenario NAME (a run itself asks nobody on the web)."

_SAME = 0.85  # Jaccard similarity from which two pages with one canonical address are the same page
_TELL_EVERY = 100

Web = FeedSource | CrawlSource


def columns(source: Web) -> tuple[str, ...]:
    """Return the columns of the rows."""
    return FEED if isinstance(source, FeedSource) else CRAWL


def places(source: Web, raw: Path) -> list[Path]:
    """Return where what a source is fetched to lies: one file a feed, or one for a crawl.

    A crawl's is another if what it may visit is another; budgets, pace and contact do not count.
    """
    if isinstance(source, FeedSource):
        return [raw / "feed" / f"{_hash(address)}.sqlite" for address in source.addresses]
    return [raw / "crawl" / f"{_hash(repr((source.start, source.paths, source.skip, source.depth)))}.sqlite"]


def scope(source: Web) -> Scope:
    """Return what may be visited: any host that a feed's redirects lead to; the start pages' hosts of a crawl."""
    if isinstance(source, FeedSource):
        return Scope()
    known = (addresses.canonical(address) or "" for address in source.start)
    return Scope(frozenset(map(host, known)), source.paths, source.skip)


@dataclass
class _Reading:
    """Rows and what is no row, with the number of the page or entry that each is."""

    languages: tuple[str, ...]
    columns: tuple[str, ...]
    rows: list[list[Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    count: int = 0

    def add(self, row: dict[str, Any], address: str) -> None:
        if self.languages and row["language"] not in self.languages:
            self.refuse("other-language", f"{row['language'] or 'unknown'}, and source.languages names others", address)
            return
        self.count += 1
        self.rows.append([row[name] for name in self.columns])
        self.lines.append(self.count)

    def refuse(self, reason: str, detail: str, address: str) -> None:
        self.count += 1
        self.broken.append(Broken(self.count, reason, f"{address}: {detail}", address))


def read(source: Web, raw: Path, progress: Callable[[str], None]) -> tuple[Table, dict[str, Any]]:
    """Return rows and what could not be used, and what there is to say of how they were fetched; nobody is asked.

    Raises
    ------
    DataError
        If nothing was fetched yet, or no page or entry can be used.
    """
    reading = _Reading(source.languages, columns(source))
    origin: dict[str, Any] = {}
    for place, name in zip(places(source, raw), _names(source), strict=True):
        with _opened(place, name) as (journal, crawl, began, ended):
            if isinstance(source, FeedSource):
                _entries(reading, journal, crawl, name, progress)
            else:
                _pages(reading, journal, crawl, scope(source), progress)
            _tell(origin, journal, crawl, began, ended)
    if not reading.rows:
        said = Counter(broken.reason for broken in reading.broken)
        reasons = ", ".join(f"{count} × {reason}" for reason, count in said.most_common(5)) or "no entry"
        first = f"\n  First: {reading.broken[0].detail}" if reading.broken else ""
        raise DataError(f"Nothing of what was fetched can be used: {reasons}.{first}")
    return Table(reading.columns, reading.rows, reading.lines, reading.broken), origin


def digest(source: Web, raw: Path) -> str:
    """Return a hash of what was saved: of addresses, what came of them, and contents; when it came does not count.

    Raises
    ------
    DataError
        If nothing was fetched yet.
    """
    found = hashlib.sha256()
    for place, name in zip(places(source, raw), _names(source), strict=True):
        with _opened(place, name) as (journal, crawl, _, _):
            earlier = journal.visits(None, "feed") if isinstance(source, FeedSource) else []
            kept = [visit for visit in earlier if visit.sha256] + journal.visits(crawl, "page", "feed")
            lines = {f"{visit.address} {visit.state} {visit.detail} {visit.sha256}" for visit in kept}
            found.update("".join(f"{line}\n" for line in sorted(lines)).encode())
    return found.hexdigest()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _names(source: Web) -> tuple[str, ...]:
    return source.addresses if isinstance(source, FeedSource) else (", ".join(source.start),)


@contextmanager
def _opened(place: Path, name: str) -> Iterator[tuple[Journal, int, str, str]]:
    """Open a journal with its newest whole crawl."""
    if not place.is_file():
        raise DataError(f"Nothing was fetched yet from {name}. {REMEDY}")
    with opened(place) as journal:
        whole = journal.whole()
        if whole is None:
            done = f"The fetch of {name} was ended after {journal.unfinished():,} pages; the same command goes on."
            raise DataError(f"{done} {REMEDY}")
        yield journal, *whole


def _entries(reading: _Reading, journal: Journal, crawl: int, feed: str, progress: Callable[[str], None]) -> None:
    """Add the entries of all that was saved of a feed, each as it was last, and why its last fetch failed."""
    newest: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    progress(f"reading what was saved of {feed}")
    for visit in journal.visits(None, "feed"):
        if visit.state != PAGE or not visit.sha256 or visit.sha256 in seen:
            continue
        seen.add(visit.sha256)
        body, first = journal.body(visit.sha256)
        try:
            entries = feeds.read(body, visit.headers, visit.address)
        except feeds.Unreadable as error:
            reading.refuse("not-a-feed", str(error), visit.address)
            continue
        for entry in reversed(entries):  # a feed begins with the newest
            known = newest.get(entry.id, {"fetched": first})
            newest[entry.id] = {**vars(entry), "feed": feed, "fetched": known["fetched"]}
    for row in newest.values():
        reading.add(row, row["address"] or row["id"])
    for visit in journal.visits(crawl, "feed"):
        if visit.state not in (PAGE, MOVED):
            reading.refuse(visit.state, visit.detail, visit.address)


def _pages(reading: _Reading, journal: Journal, crawl: int, scope: Scope, progress: Callable[[str], None]) -> None:
    visits = journal.visits(crawl, "page")
    by_address = {visit.address: visit for visit in visits}
    read: list[tuple[Visit, Page | tuple[str, str], str]] = []
    for number, visit in enumerate(visits):
        if number % _TELL_EVERY == 0:
            progress(f"text of page {number:,} of {len(visits):,}")
        if visit.state == MOVED:
            if _circles(visit, by_address):
                read.append((visit, ("redirect-loop", f"leads back to itself by {visit.detail}"), ""))
        elif visit.state != PAGE or not visit.sha256:
            reason = visit.state if visit.state != PAGE else "no-text"
            read.append((visit, (reason, visit.detail or "the page is empty"), ""))
        elif scope.holds(visit.address):  # a start page elsewhere was read for its links
            body, first = journal.body(visit.sha256)
            read.append((visit, pages.read(body, visit.headers, visit.address), first))
    identities = _identities([(visit.address, page) for visit, page, _ in read if isinstance(page, Page)])
    for visit, page, first in read:
        if not isinstance(page, Page):
            reading.refuse(*page, visit.address)
            continue
        identity, original = identities[visit.address]
        if original != visit.address:
            reading.refuse("duplicate-page", f"the same page as {original}: both say {identity}", visit.address)
            continue
        section = visit.address.split("/")[3:]
        row = {"id": identity, "site": host(visit.address), "section": section[0] if len(section) > 1 else ""}
        reading.add(vars(page) | row | {"fetched": first, "depth": visit.depth}, visit.address)


def _identities(read: list[tuple[str, Page]]) -> dict[str, tuple[str, str]]:
    """Return for each page its canonical address, and the address of the page that it repeats: its own, if none.

    Pages with one canonical address whose texts are nearly the same are one page: the one that has this address, or
    the first. If their texts differ, the site calls different pages by one name, and each goes by its own address.
    """
    from loopbook.data import neighbours  # it imports numpy, which a look at the source before a run does without

    groups: dict[str, list[tuple[str, Page]]] = {}
    for address, page in read:
        groups.setdefault(page.canonical, []).append((address, page))
    found: dict[str, tuple[str, str]] = {}
    for canonical, group in groups.items():
        group.sort(key=lambda member: member[0] != canonical)
        links = neighbours.pairs([page.text for _, page in group], _SAME)
        first = neighbours.clusters(len(group), links).tolist()
        for (address, _), place in zip(group, first, strict=True):
            original = group[place][0]
            found[address] = (canonical if not any(first) else original), original
    return found


def _circles(visit: Visit, known: dict[str, Visit]) -> bool:
    """Say whether redirects lead round."""
    passed = {visit.address}
    while visit.state == MOVED and (following := known.get(visit.detail)):
        if following.address in passed:
            return True
        passed.add(following.address)
        visit = following
    return False


def _tell(origin: dict[str, Any], journal: Journal, crawl: int, began: str, ended: str) -> None:
    """Add to what there is to say: when, what robots.txt said, what was left out, if a newer fetch stands still."""
    robots = []
    for visit in journal.visits(crawl, "robots"):
        barred = sum(
            page.state == "forbidden" and host(page.address) == host(visit.address)
            for page in journal.visits(crawl, "page", "feed")
        )
        said = str(visit.status) if visit.status else visit.detail
        robots.append(f"{host(visit.address)}: {said}" + (f", {barred:,} addresses forbidden" if barred else ""))
    left = [f"{reason}: {count:,}" for reason, count in journal.left(crawl).items()]
    newer = journal.unfinished()
    caution = f"A newer fetch was ended after {newer:,} pages; rows are of the one before." if newer else ""
    for name, text in (
        ("fetched", f"{began} to {ended}"),
        ("robots", "; ".join(robots)),
        ("left_out", ", ".join(left)),
        ("caution", caution),
    ):
        if text:
            origin[name] = "; ".join(dict.fromkeys([*filter(None, [origin.get(name)]), text]))
