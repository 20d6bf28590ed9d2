"""What the tests of the web share: the difficult site, and a source that starts at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.data.web.site import Site, served

from loopbook.scenario.source import CrawlSource, FeedSource

QUICK: dict[str, Any] = {"contact": "crawler@example.org", "pace": 0, "retry_seconds": 0.01, "attempts": 3}


def crawl_of(site: Site, **settings: Any) -> CrawlSource:
    """Return a crawl of the site, which alone may be on this machine."""
    own = {"start": [f"{site.address}/"], "private_hosts": [site.address.removeprefix("http://")]}
    return CrawlSource.model_validate({"kind": "crawl", **QUICK, **own, **settings})


def feeds_of(site: Site, *paths: str, **settings: Any) -> FeedSource:
    """Return feeds of the site."""
    addresses = [site.address + path for path in paths]
    own = {"addresses": addresses, "private_hosts": [site.address.removeprefix("http://")]}
    return FeedSource.model_validate({"kind": "feed", **QUICK, **own, **settings})


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with served() as started:
        yield started


@pytest.fixture
def fresh(site: Site) -> Site:
    """Return the site with nothing added to it, and nothing asked for yet."""
    site.extra.clear()
    site.forget()
    site.before = site.after = lambda count: None
    return site
