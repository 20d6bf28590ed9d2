"""`make compare` on real runs: pairs that differ only by seed, and the same with a planted loss of 3 points.

Runs come from one sweep over seeds, which must be there:

    make sweep PROFILE=standard PARAMS="training.only=[cnn] optimization.trials=0" GRID="training.seed=1:16"

(In smoke a network's ROC AUC varies with the seed by more than the 3 points that are looked for.)

The first half of the points makes the band; the pairs are drawn from the other half, so no seed of a pair is in the
band. The loss is planted into the *recorded metric*: the score that the first criterion speaks of is lowered by 0.03 in
B, once beside another seed's A and once beside its own. It is not a retrained model. Then every metric that is equal in
all repeats is made worse by 0.1%, or by a thousandth where it is zero.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

from loopbook.comparison import verdict
from loopbook.comparison.metric import recorded as figures
from loopbook.store import sweep_records
from loopbook.store.project import Project
from loopbook.store.records import Run

POINTS = 0.03


def lowered(run: Run, name: str, by: float) -> Run:
    """Return a run whose metric is lower."""
    stage, _, metric = name.partition(" ")
    record = run.stages[stage]
    metrics = {**record.metrics, metric: figures(run)[name] - by}
    return run.model_copy(update={"stages": {**run.stages, stage: record.model_copy(update={"metrics": metrics})}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="market-monitor")
    parser.add_argument("--pairs", type=int, default=20)
    asked = parser.parse_args()
    project = Project.find()
    sweep = sweep_records.sweeps(project, asked.scenario)[-1]
    found = sweep_records.runs(project, sweep)
    names = sorted(found)
    band, rest = names[: len(names) // 2], names[len(names) // 2 :]
    kept = sweep.model_copy(update={"points": tuple(each for each in sweep.points if each.name in band)})
    with tempfile.TemporaryDirectory() as folder:
        alone = replace(project, data_at=Path(folder))
        alone.store.mkdir()
        for stage in project.store.iterdir():  # what the keys are made of: a repeat's code is compared by it
            if stage != project.runs:
                (alone.store / stage.name).symlink_to(stage.resolve())
        sweep_records.save(alone, kept)
        for name in band:
            sweep_records.save_point(alone, kept, name, found[name])
        pairs = list(itertools.combinations(rest, 2))[: asked.pairs]
        flagged = []
        for a, b in pairs:
            seen = verdict.compare(alone, found[a], found[b])
            assert seen.kind == "seeds" and not seen.repeats.other, seen.notes
            flagged.append(bool(seen.regressions))
            print(f"{a} {b}: {', '.join(each.name for each in seen.regressions) or 'no regression'}")
        one = verdict.compare(alone, found[rest[0]], found[rest[1]])
        head = next(each for each in one.metrics if each.judged)
        assert head.band is not None
        told = f"headline {head.name} +-{head.band.half:.4f}"
        print(f"{sweep.scenario} {sweep.profile}: band from {len(one.repeats.runs)} seeds; {told}")
        planted = [
            verdict.compare(alone, found[a], lowered(found[b], head.name, POINTS)).regressions for a, b in pairs[:10]
        ]
        same = [verdict.compare(alone, found[a], lowered(found[a], head.name, POINTS)).regressions for a in rest]
        equal = [each for each in one.metrics if each.band and each.band.basis in ("equal", "fixed") and each.equal]
        small = []
        for each in equal:
            assert each.a is not None and each.direction is not None
            by = (abs(each.a) or 1.0) / 1000 * (-1 if each.direction.better == "lower" else 1)
            seen = verdict.compare(alone, found[rest[0]], lowered(found[rest[1]], each.name, by))
            small.append(each.name in [one.name for one in seen.regressions])
    print(f"only the seed differs: {sum(flagged)} of {len(flagged)} pairs flagged")
    print(f"3 points lost, other seed: {sum(map(bool, planted))} of {len(planted)} flagged")
    print(f"3 points lost, same seed: {sum(map(bool, same))} of {len(same)} flagged")
    print(f"0.1% lost in a metric that is equal in all repeats: {sum(small)} of {len(small)} flagged")


if __name__ == "__main__":
    main()
