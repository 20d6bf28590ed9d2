"""Fetching: bring what a source on the web has now into ``data/raw``, politely, and go on where a kill ended it."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loopbook.data import download
from loopbook.data.web import addresses, saved
from loopbook.data.web.asking import Asking
from loopbook.data.web.crawl import Plan, crawl
from loopbook.data.web.journal import opened
from loopbook.data.web.saved import Web
from loopbook.data.web.visits import MOVED, PAGE
from loopbook.scenario.source import CrawlSource

_PAUSE = 1.0  # seconds between two lines that say how far it is


@dataclass(frozen=True)
class Fetched:
    """What a fetch brought: visits by state, how many were left out by reason, bytes, and where it is."""

    states: Counter[str]
    left: Counter[str]
    unchanged: int
    bytes: int
    places: tuple[Path, ...]

    @property
    def good(self) -> int:
        """Pages or feeds whose content there is."""
        return self.states[PAGE]


def fetch(source: Web, raw: Path, progress: Callable[[str], None] = download.silent) -> Fetched:
    """Visit a source's addresses, and save what they answer.

    Parameters
    ----------
    source
        Feeds, or a crawl.
    raw
        The folder ``data/raw``.
    progress
        Hears of each page: how many, what is left, how long it may take.
    """
    asking = Asking(source.contact, source.private_hosts, source.attempts, source.retry_seconds)
    states, left, unchanged, size = Counter[str](), Counter[str](), 0, 0
    places = saved.places(source, raw)
    for place, plan in zip(places, _plans(source), strict=True):
        with download.alone(place), opened(place) as journal:
            number = crawl(journal, plan, asking, _told(plan, progress))
            reason = "beyond the budget of " + ("pages" if journal.spent(number)[1] < plan.bytes else "bytes")
            journal.finish(number, reason, keep_all=plan.feeds, days=source.keep_raw_days)
            visits = journal.visits(number, "page", "feed")
            states.update(visit.state for visit in visits)
            left.update(journal.left(number))
            unchanged += sum(visit.status == 304 for visit in visits)
            size += sum(visit.size for visit in visits)
    return Fetched(states, left, unchanged, size, tuple(places))


def describe(fetched: Fetched) -> list[str]:
    """Return a line for what came, what did not, and what was left out."""
    others = Counter({state: count for state, count in fetched.states.items() if state not in (PAGE, MOVED)})
    lines = [f"Fetched: {fetched.good:,} ({fetched.unchanged:,} unchanged), {fetched.bytes:,} bytes."]
    lines += [f"  {count:,} × {state}" for state, count in others.most_common()]
    lines += [f"  left out, {reason}: {count:,}" for reason, count in sorted(fetched.left.items())]
    return lines


def _plans(source: Web) -> list[Plan]:
    """Return what is to do for each of the source's places."""
    scope = saved.scope(source)
    if not isinstance(source, CrawlSource):
        known = [addresses.canonical(address) or address for address in source.addresses]
        return [
            Plan((address,), scope, feeds=True, pages=10, page_bytes=source.page_bytes, pace=source.pace)
            for address in known
        ]
    start = tuple(dict.fromkeys(addresses.canonical(address) or address for address in source.start))
    plan = Plan(
        start,
        scope,
        depth=source.depth,
        pages=source.pages,
        bytes=source.bytes,
        alike=source.pattern_pages,
        page_bytes=source.page_bytes,
        pace=source.pace,
        sitemaps=source.sitemaps,
    )
    return [plan]


def _told(plan: Plan, progress: Callable[[str], None]) -> Callable[[int, int, int, float], None]:
    last = [0.0]

    def tell(pages: int, waiting: int, size: int, seconds: float) -> None:
        if time.monotonic() - last[0] < _PAUSE:
            return
        last[0] = time.monotonic()
        to_do = min(waiting, plan.pages - pages)
        left = f"{to_do:,} known to do, about {to_do * seconds / 60:.0f} min"
        progress(f"{pages:,} pages, {size / 1e6:,.1f} MB; {left}")

    return tell
