"""Click fraud: how many honest readers are left out, and after how many lists a click farm is.

python -m tests.benchmarks.click_fraud

Honest readers click by the position-based model, each with a relevance of its own (beta, mean 0.17), a tenth of them
keen (0.8). Examination is estimated from a log of lists, as 05 does it. Simulated.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from loopbook.decisions import click_fraud
from loopbook.statistics import examination
from loopbook.statistics.intervals import poisson

PLACES, READERS, LISTS = 10, 800, 20
THETA = np.arange(1, PLACES + 1) ** -0.6
FARMS = {"clicks all places": 1.0, "clicks three in four": 0.75, "clicks half": 0.5}


def rows(user: np.ndarray, clicked: np.ndarray) -> pd.DataFrame:
    """Return lists as the sealed log has them: `clicked` [lists, places]; each user's are of days of their own."""
    many = len(user)
    number = pd.Series(user).groupby(user).cumcount().to_numpy()
    day = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(number, unit="D")
    names = {"query": user.astype(str), "shown": np.arange(many).astype(str), "written": day}
    frame = pd.DataFrame({name: np.repeat(values, PLACES) for name, values in names.items()})
    item = (np.arange(many * PLACES) % 997).astype(str)
    return frame.assign(place=np.tile(np.arange(1, PLACES + 1), many), label=clicked.ravel().astype(int), item=item)


def looked(random: np.random.Generator, lists: int) -> pd.DataFrame | None:
    """Return examination by place, estimated from lists of the source in uniformly drawn order."""
    relevance = random.beta(2, 10, 400)
    items = np.argsort(random.random((lists, 400)), axis=1)[:, :PLACES]
    clicked = random.random(items.shape) < THETA * relevance[items]
    logged = rows(np.arange(lists), clicked).assign(item=items.ravel())
    return examination.known(logged)


def main(worlds: int, logged: int) -> None:
    wrong, found = [], {name: [] for name in FARMS}
    for seed in range(worlds):
        random = np.random.default_rng(seed)
        table = looked(random, logged)
        keen = np.arange(READERS) % 10 == 0
        own = np.where(keen, 0.8, random.beta(2, 10, READERS))
        user = np.repeat(np.arange(READERS), LISTS)
        honest = rows(user, random.random((len(user), PLACES)) < THETA * own[user][:, None])
        wrong.append(len(set(honest["query"][click_fraud.why(honest, table, 120) == click_fraud.FRAUD])))
        for name, share in FARMS.items():
            farm = rows(np.full(200, READERS), random.random((200, PLACES)) < share)
            first = next(
                (
                    many
                    for many in (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200)
                    if (click_fraud.why(part := _both(honest, farm, many), table, 120)[part["query"] == str(READERS)]
                        == click_fraud.FRAUD).any()
                ),
                np.inf,
            )  # fmt: skip
            found[name].append(first)
    rate = poisson(sum(wrong), worlds)
    print(f"{worlds} worlds of {READERS} honest readers, {LISTS} lists each; examination from {logged:,} lists")
    print(f"honest readers left out: {sum(wrong)} (a world: {rate.value:.3f}, at most {rate.high:.3f} with 95%)")
    for name, many in found.items():
        low, middle, high = np.quantile(many, [0, 0.5, 1], method="nearest")
        print(f"a farm that {name} is left out after {middle:g} lists (median; {low:g} to {high:g})")


def _both(honest: pd.DataFrame, farm: pd.DataFrame, many: int) -> pd.DataFrame:
    part = farm.head(many * PLACES)
    return pd.concat([honest, part.assign(shown="farm " + part["shown"])], ignore_index=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--logged", type=int, default=6_000)
    given = parser.parse_args()
    main(given.worlds, given.logged)
