"""Joint outputs: is the alert as good where topic and tone are learned with it, by one encoder, as where it is alone?

    python -m tests.benchmarks.joint_outputs [--profile smoke] [--worlds 5] [--rows 6000] [--candidates bag cnn]

Worlds of the scenario market-monitor, each simulated from a seed of its own. In each a candidate learns the alert
alone, and with topic and tone as further outputs, by the scenario's recipe and from equal seeds, and both are judged on
the same rows of test and gate, which no fit has seen. The gain of a world is the mean over the seeds of the fits; its
interval is Student's over the worlds, which are independent.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from tests.benchmarks.architectures import Rows, said
from tests.benchmarks.few_labels import without_further
from tests.starter.evidence import World
from tests.starter.test_criteria import ROOT

from loopbook.scenario.loading import load
from loopbook.statistics import metrics
from loopbook.statistics.intervals import student
from loopbook.store.project import Project

METRICS = ("roc_auc", "pr_auc", "accuracy", "log_loss")


def world(profile: str, seed: int, rows: int | None) -> Rows:
    """Return the rows of a simulated world."""
    given = {"source.seed": seed, **({} if rows is None else {"source.rows": rows})}
    own = World.of(load("market-monitor", ROOT / "notebooks" / "scenarios", profile, given), Project(ROOT))
    test = pd.concat([own.splits["test"], own.splits["gate"]], ignore_index=True)
    return Rows(own.scenario, own.splits["train"], own.splits["validation"], test)


def gains(joint: Rows, candidate: str, seeds: int) -> list[list[tuple[float, float]]]:
    """Return what the alert alone, and jointly learned, reach in each metric, for each seed of the fit."""
    named, y = joint.scenario.training.candidates[candidate], joint.test["label"].to_numpy(float)
    ways = (without_further(joint), joint)
    found = []
    for seed in range(1, seeds + 1):
        each = [said(rows, named.architecture, named.settings, seed) for rows in ways]
        found.append([tuple(metrics.score(name, y, p) for p in each) for name in METRICS])
    return found  # type: ignore[return-value]


def main() -> None:
    """Print the gain of each candidate over the worlds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="smoke", choices=["smoke", "standard"])
    parser.add_argument("--worlds", type=int, default=5)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--candidates", nargs="+", default=["cnn"])
    given = parser.parse_args()
    worlds = [world(given.profile, seed, given.rows) for seed in range(1, given.worlds + 1)]
    rows = [len(part) for part in (worlds[0].train, worlds[0].validation, worlds[0].test)]
    print(
        f"{given.profile}: {given.worlds} worlds of {rows[0]:,} rows to learn from, {rows[1]:,} and {rows[2]:,} judged"
    )
    for candidate in given.candidates:
        began, found = time.monotonic(), []
        for number, joint in enumerate(worlds, 1):
            found.append(gains(joint, candidate, given.seeds))
            alone, together = np.mean(found[-1], axis=0)[0]
            print(f"  {candidate}, world {number}: roc_auc alone {alone:.4f}, joint {together:.4f}", flush=True)
        by = np.mean(found, axis=1)  # [worlds, metrics, 2]
        print(f"{candidate}: {time.monotonic() - began:,.0f} s")
        for at, name in enumerate(METRICS):
            gain = student(metrics.METRICS[name].direction.loss(by[:, at, 0] - by[:, at, 1]))
            told = f"better by {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
            print(f"  {name:18} alone {by[:, at, 0].mean():.4f}   joint {by[:, at, 1].mean():.4f}   {told}")


if __name__ == "__main__":
    main()
