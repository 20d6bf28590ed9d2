"""How long a list of ten out of many items takes through the service: real HTTP, one worker, log on the disk.

    python -m tests.benchmarks.lists_latency [--items 20000] [--requests 400] [--rounds 3]

The interactions are simulated: 1 million of 50,000 users with items of a Zipf law, each with 384 random numbers as its
content. The ranker is a mix of popularity, item-kNN, ALS and a content tower, as rankers are shipped, and items have
prices, as a budget of NDCG gives them. It is served by a process of its own, asked one request after the other by keys
of one connection. Beside it stand its parts, timed in the process: the relevance of all items, the list composed from
them.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tests.service import listings
from tests.service.serving import running, service

from loopbook.decisions.listing import Listing
from loopbook.models.ranking import interactions, scorers
from loopbook.models.ranking.mix import equal
from loopbook.models.ranking.ranker import Ranker, hashes
from loopbook.models.ranking.towers import Towers
from loopbook.scenario.contract import Scenario

USERS, TAKEN, WIDTH = 50_000, 1_000_000, 384


def listing(items: int) -> Listing:
    """Return what makes lists out of so many items."""
    random = np.random.default_rng(1)
    user = random.integers(0, USERS, TAKEN)
    item = np.minimum((items * random.random(TAKEN) ** 3).astype(np.int64), items - 1)
    history = interactions.matrix(user, item, (USERS + 1, items))
    content = random.normal(0, 1, (items, WIDTH)).astype(np.float32)
    parts: dict[str, scorers.Scorer] = {
        "popularity": scorers.popularity(history),
        "item_knn": scorers.item_knn(history),
        "als": scorers.Factors(random.normal(0, 0.1, (items, 64)).astype(np.float32), 0.1, 5.0),
        "content": Towers.content(content),
    }
    names = tuple(f"b{at}" for at in range(items))
    users = np.sort(hashes(range(USERS)))
    counts = np.bincount(history.indices, minlength=items)
    ranker = Ranker(names, counts, users, history, parts, equal(list(parts)), 1.0, -2.0, np.zeros(0, dtype=bool))
    rows = pd.DataFrame({"query": user[:200_000], "item": item[:200_000]}).astype(str)
    rows = rows.assign(
        query="r" + rows["query"], item="b" + rows["item"], label=1, time=pd.Timestamp("2026-01-01", tz="UTC")
    )
    table = pd.DataFrame({"item": names, "title": [f"Book {at}" for at in range(items)]})
    return Listing.of(scenario(), ranker, table, content, rows, "benchmark").priced(600)


def scenario() -> Scenario:
    """Return a scenario whose lists may give up NDCG for coverage."""
    found = listings.scenario()
    assert found.studies.lists is not None
    lists = found.studies.lists.model_copy(update={"ndcg_budget": 0.01})
    return found.model_copy(update={"studies": found.studies.model_copy(update={"lists": lists})})


def serve(items: int, folder: str, pipe: Connection) -> None:
    """Serve lists until the other side hangs up."""
    made = listing(items)
    with service(Path(folder), scenario()) as worker:
        worker.behind.lists = made
        with running(worker) as up:
            pipe.send((up.port, up.secret(), parts(made)))
            pipe.recv()
            begun = time.process_time()
            pipe.send(None)
            pipe.recv()
            pipe.send(time.process_time() - begun)


def parts(made: Listing, users: int = 100) -> dict[str, float]:
    """Return the median milliseconds of what a list is made of."""
    relevance, whole = [], []
    for at in range(users):
        taken = made.taken(f"r{at}")
        start = time.perf_counter()
        made.relevance([taken])
        relevance.append(time.perf_counter() - start)
        start = time.perf_counter()
        made.make(f"r{at}", taken, "2026-02-01", 10)
        whole.append(time.perf_counter() - start)
    ms = 1_000 * statistics.median(relevance)
    return {"relevance of all items": ms, "and the list composed": 1_000 * statistics.median(whole)}


def asked(port: int, secret: str, users: Sequence[int]) -> list[float]:
    """Return the milliseconds of each request, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    found = []
    for user in users:
        start = time.perf_counter()
        connection.request("GET", f"/v1/lists/r{user}?places=10", headers={"Authorization": f"Bearer {secret}"})
        answer = connection.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
        found.append(1_000 * (time.perf_counter() - start))
        assert answer.status == 200 and len(told["places"]) == 10, told
    connection.close()
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--items", type=int, default=20_000)
    options.add_argument("--requests", type=int, default=400)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    with tempfile.TemporaryDirectory() as folder:
        worker = multiprocessing.get_context("spawn").Process(target=serve, args=(given.items, folder, theirs))
        worker.start()
        port, secret, inside = ours.recv()
        asked(port, secret, range(20))
        ours.send(None)
        ours.recv()
        rounds = [
            asked(port, secret, range(at * given.requests, (at + 1) * given.requests)) for at in range(given.rounds)
        ]
        ours.send(None)
        spent = 1_000 * ours.recv() / (given.rounds * given.requests)
        worker.join()
    print(f"{given.items:,} items, a list of 10, {given.rounds} rounds of {given.requests} requests; milliseconds")
    for name, ms in inside.items():
        print(f"  in the process, {name}: {ms:.1f}")
    print(f"  by HTTP, processor time of the worker a request: {spent:.1f}")
    for level in (50, 95, 99):
        values = [float(np.percentile(part, level)) for part in rounds]
        print(f"  by HTTP, p{level}: {statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})")


if __name__ == "__main__":
    main()
