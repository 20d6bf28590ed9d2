"""What a crawl costs beside the pace that it keeps: processor time a page, to fetch, to ask again, and to read as text.

    python -m tests.benchmarks.crawling [--times 3]

The site is that of the tests, in a process of its own; times are of the crawler's process alone, the pace is 0.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pandas as pd
from tests.data.web.site import served

from loopbook.data import download
from loopbook.data.web import fetching, pages, saved
from loopbook.scenario.source import CrawlSource


def serve(address: Connection) -> None:
    """Serve the site until the other side hangs up."""
    with served() as site:
        address.send(site.address)
        address.recv()


def measured(work: Callable[[], object], count: Callable[[], int]) -> float:
    """Return milliseconds of processor time a page."""
    begun = time.process_time()
    work()
    return 1000 * (time.process_time() - begun) / count()


def once(address: str, raw: Path) -> dict[str, float]:
    """Return what one crawl of the site, one more of unchanged pages, and reading them took."""
    settings = {"kind": "crawl", "start": [f"{address}/"], "contact": "a@example.org", "pace": 0, "retry_seconds": 0.01}
    own = {"private_hosts": [address.removeprefix("http://")], "pattern_pages": 30}
    source = CrawlSource.model_validate(settings | own)
    (place,) = saved.places(source, raw)
    visited = [0]

    def fetch() -> None:
        visited[0] = sum(fetching.fetch(source, raw).states.values())

    found = {"fetch": measured(fetch, lambda: visited[0]), "fetch again": measured(fetch, lambda: visited[0])}
    found["read"] = measured(lambda: saved.read(source, raw, download.silent), lambda: visited[0])
    return found | {"pages": float(visited[0]), "KB a page": place.stat().st_size / 1000 / visited[0]}


def main() -> None:
    """Print a row for each repetition, and the median with its range."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=3)
    times = parser.parse_args().times
    pages.read(
        b"<p>Libraries are imported, and the model of languages is loaded, before anything is timed.</p>", {}, ""
    )
    own, other = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(other,), daemon=True)
    process.start()
    address = own.recv()
    rows = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as raw:
            rows.append(once(address, Path(raw)))
    own.send(None)
    process.join()
    table = pd.DataFrame(rows)
    print("milliseconds of processor time a page")
    print(table.round(2).to_string(index=False))
    print(table.agg(["median", "min", "max"]).round(2).to_string())


if __name__ == "__main__":
    main()
