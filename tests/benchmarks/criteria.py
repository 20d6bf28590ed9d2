"""Criteria on quality and cost, each with the rows that it is measured on, and who meets it of those who know nothing.

    python -m tests.benchmarks.criteria [--seeds 20] [NAME ...]

For the three shipped scenarios in standard, and two files through `new`: constants and segments' majorities under every
policy but the tree over the fields (which is a model), logistic regression on labels that are dealt anew within train,
validation and test, and on the true labels. Press-monitor and the files are read from LOOPBOOK_DATA_MIRROR. Takes a few
minutes. `test_roc_auc_gain_low` is no criterion; its line says why: a model of shuffled labels leans to one side.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from pathlib import Path

from scipy.stats import binom
from tests.starter import evidence
from tests.starter.evidence import Figures, World
from tests.starter.test_criteria import ERROR, FILES, MEASURED_ON, ROOT

from loopbook.scenario.loading import load
from loopbook.starter.beginning import begin
from loopbook.store.project import Project

NAMES = ("market-monitor", "clinic-triage", "press-monitor", *FILES)
NO_CRITERION = "test_roc_auc_gain_low"


def world(name: str, folder: Path) -> World:
    """Return all rows of a shipped scenario, or of a file through `new`."""
    project = Project(folder) if name in FILES else Project(ROOT)
    if name in FILES:
        project.scenarios.mkdir(parents=True)
        begin(project, name, Path(os.environ["LOOPBOOK_DATA_MIRROR"]) / FILES[name])
    made = World.of(load(name, project.scenarios), project)
    return World(made.scenario, made.splits, resamples=300)


def met(held: World, figures: Figures) -> set[str]:
    """Return the criteria that are met, and the ranking that is none."""
    return evidence.met(held, figures) | ({NO_CRITERION} if float(figures[NO_CRITERION]) > 0 else set())


def report(name: str, held: World, seeds: int) -> None:
    """Print a line for each criterion of a world."""
    policies = [policy for policy in held.plan.eligible if policy != "tree"]
    idle = {
        (answer, policy): met(held, figures)
        for answer, found in evidence.trivial(held).items()
        for policy, figures in evidence.recorded(held, found, chosen=policies).items()
    }
    shuffled = Counter[str]()
    for seed in range(seeds):
        [figures] = evidence.recorded(held, evidence.learned, held.shuffled(seed)).values()
        shuffled.update(met(held, figures))
    [real] = evidence.recorded(held, evidence.learned).values()
    rows = ", ".join(f"{part} {len(held.splits[part]):,}" for part in ("train", "validation", "test", "stream"))
    most = int(binom.ppf(0.99, seeds, ERROR))
    print(f"\n{name}: {rows}; {len(idle)} trivial agents; of {seeds} shuffled at most {most}")
    print(f"  {'criterion':24} {'trivial':>7} {'shuffled':>8} {'real':>9} {'wanted':>9}  measured on")
    for criterion in held.criteria:
        counts = sum(criterion.id in found for found in idle.values()), shuffled[criterion.id]
        wanted = f"{criterion.comparison} {criterion.threshold:g}"
        print(
            f"  {criterion.id:24} {counts[0]:7} {counts[1]:8} {float(real[criterion.metric]):9.3f} {wanted:>9}"
            f"  {MEASURED_ON[criterion.metric]}"
        )
    counts = sum(NO_CRITERION in found for found in idle.values()), shuffled[NO_CRITERION]
    print(f"  ({NO_CRITERION:22}) {counts[0]:7} {counts[1]:8} {float(real[NO_CRITERION]):9.3f}  no criterion")
    for criterion in held.scenario.criteria:
        if criterion.metric in evidence.NOT_QUALITY:
            print(f"  {criterion.id:24} not of quality or cost: {evidence.NOT_QUALITY[criterion.metric]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; none: all")
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    for wanted in given.names or NAMES:
        with tempfile.TemporaryDirectory() as place:
            report(wanted, world(wanted, Path(place)), given.seeds)
