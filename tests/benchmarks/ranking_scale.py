"""Rankers at scale: seconds and memory to fit and to rank all items in full, and one table on a file like ML-100k.

    python -m tests.benchmarks.ranking_scale small
    python -m tests.benchmarks.ranking_scale large
    python -m tests.benchmarks.ranking_scale ease

All data is made here (users of thirty tastes, items of popularity like 1/rank, in order of time).

``small`` writes a file in the form of MovieLens' u.data (943 users, 1,682 items, 100,000 ratings), compares EASE with
the inverse of numpy in double precision, and ranks in full what each user took last; ALS' defaults were chosen on it.

``large``: 50,000 users, 20,000 items, 1 million interactions. Popularity, item-kNN, ALS and their mix are fitted (each
learns its logit on the last fifth first, so each is fitted twice), and rank 20,000 items for 50,000 users. ``ease`` is
the same for EASE, fitted once. Each runs in a process of its own, whose peak of memory is its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.models.ranking import evaluation, interactions, ranker_fit, scorers
from loopbook.models.ranking.ranker_fit import Log
from loopbook.statistics import ranking

TASTES = 30


def made(users: int, items: int, count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return users and items of `count` different pairs, in order of time."""
    random = np.random.default_rng(seed)
    weight = 1 / (np.arange(items) + 10)
    taste, kind = random.integers(TASTES, size=users), random.integers(TASTES, size=items)
    own = [np.flatnonzero(kind == one) for one in range(TASTES)]
    active = random.lognormal(0, 1, users)
    keys: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    while len(keys) < count:
        user = random.choice(users, 2 * count, p=active / active.sum())
        item = random.choice(items, 2 * count, p=weight / weight.sum())
        liked = random.random(2 * count) < 0.6
        for one in range(TASTES):
            rows = liked & (taste[user] == one)
            item[rows] = random.choice(own[one], rows.sum(), p=weight[own[one]] / weight[own[one]].sum())
        keys = pd.unique(np.concatenate([keys, user * items + item]))
    chosen = random.permutation(keys[:count])
    return chosen // items, chosen % items


def log(users: int, items: int, count: int, seed: int = 0) -> Log:
    """Return what was taken, and beside each one item drawn that was not, as a source of positives is prepared."""
    user, item = made(users, items, count, seed)
    random, when = np.random.default_rng(seed + 1), np.arange(count) / count * 100
    drawn = random.integers(items, size=count)
    free = ~np.isin(user * items + drawn, user * items + item)
    every = tuple(np.concatenate([a, b[free]]) for a, b in ((user, user), (item, drawn), (when, when)))
    label = np.concatenate([np.ones(count), np.zeros(int(free.sum()))])
    nowhere = np.zeros(len(label), dtype=np.int64)
    return Log(*every, label, np.ones(len(label)), nowhere, (users, items))


def task(name: str, users: int, items: int, count: int) -> None:
    """Fit one ranker and rank all items for all users; print seconds and this process's peak of memory."""
    rows = log(users, items, count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    parts = {"mix": ("popularity", "item_knn", "als")}.get(name, (name,))
    empty = np.zeros((items, 0), dtype=np.float32)
    names = tuple(f"i{at:05}" for at in range(items))
    start, used = time.perf_counter(), time.process_time()
    if name == "ease":  # by itself: a ranker would fit it twice, and once is what is asked
        found = scorers.ease(rows.matrix())
        fitted = time.perf_counter() - start
        history, done = rows.matrix(), 0
        for at in range(0, users, 500):
            score = found.scores(history[at : at + 500])
            done += len(np.argpartition(-score, ranking.AT, axis=1)[:, : ranking.AT])
    else:
        ranker = ranker_fit.fit_log(rows, [f"u{at}" for at in range(users)], names, empty, {part: {} for part in parts})
        fitted = time.perf_counter() - start
        done = len(evaluation.top(ranker, rows.matrix(), names))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    whole, processor = time.perf_counter() - start, time.process_time() - used
    print(
        f"{name:11} fitted {fitted:6.0f} s, ranked {done:,} users {whole - fitted:6.0f} s, "
        f"processor {processor:6.0f} s, peak {peak:.2f} GB (the data alone {before:.2f})",
        flush=True,
    )


def each(names: tuple[str, ...], *sizes: int) -> None:
    """Run `task` for each ranker in a fresh process."""
    start, context = time.perf_counter(), multiprocessing.get_context("spawn")
    for name in names:
        process = context.Process(target=task, args=(name, *sizes))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"{name} failed")
    load = f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"all {time.perf_counter() - start:.0f} s; {load}")


def small() -> None:
    """Write a file like u.data, read it, compare EASE with numpy, and rank what each user took last."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "u.data"
        user, item = made(943, 1_682, 100_000, 0)
        stars = np.random.default_rng(2).integers(1, 6, len(user))
        table: Any = {
            "user": user + 1,
            "item": item + 1,
            "rating": stars,
            "time": 874_724_710 + np.arange(len(user)) * 180,
        }
        pd.DataFrame(table).to_csv(file, sep="\t", header=False, index=False)
        rows = pd.read_csv(file, sep="\t", names=list(table))
    rank = rows.groupby("user")["time"].rank(ascending=False, method="first")
    late = (rank <= (rows.groupby("user")["time"].transform("size") * 0.2)).to_numpy()
    shape = (943, 1_682)
    train, test = (
        interactions.matrix(part["user"] - 1, part["item"] - 1, shape, part["time"])
        for part in (rows[~late], rows[late])
    )
    found = scorers.ease(train, 200)
    dense = train.toarray().astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + 200 * np.eye(shape[1]))
    exact = -inverse / np.diag(inverse)
    np.fill_diagonal(exact, 0)
    apart = np.abs(found.weights - exact).max()
    print(f"EASE: at most {apart:.1e} from the closed form, coefficients to {exact.max():.2f}")
    rankers = {
        "popularity": scorers.popularity(train),
        "item_knn": scorers.item_knn(train),
        "EASE": found,
        "ALS": scorers.als(train),
    }
    by_user = {}
    for name, scorer in rankers.items():
        scores = np.where(dense > 0, -np.inf, scorer.scores(train))
        by_user[name] = ranking.by_user(np.argsort(-scores, axis=1)[:, : ranking.AT], test)
        for metric, row in ranking.scores(by_user[name]).iterrows():
            print(f"{name:11} {metric:7} {row['value']:.4f} ({row['low']:.4f} to {row['high']:.4f})")
    for name in ("popularity", "item_knn", "ALS"):
        gain = ranking.paired(by_user["EASE"]["ndcg"], by_user[name]["ndcg"])
        print(f"EASE over {name}: NDCG@10 {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["small", "large", "ease"])
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--interactions", type=int, default=1_000_000)
    given = parser.parse_args()
    sizes = (given.users, given.items, given.interactions)
    if given.what == "small":
        small()
    else:
        each(("ease",) if given.what == "ease" else ("popularity", "item_knn", "als", "mix"), *sizes)
