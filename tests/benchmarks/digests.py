"""What it costs that all that is read of the store is checked against its digest, as a share of a run.

    python tests/benchmarks/digests.py [--scenario clinic-triage] [--profile smoke] [--repeats 20]

First the newest good run of an agent, which must be there: what each of its stages read is hashed again as its kernel
does it, once a process; then all its folders once, as the runner's process does for pages and where nothing is to do.
The share is that of both in the seconds of the run's notebooks. Then one table of 200 MB, beside reading it. Seconds of
the checks are those of the processor, which others' work does not lengthen; files are in the system's memory, where
they are after having been written. Printed are median, least and most.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from loopbook.store import content, records, vault
from loopbook.store.project import Project
from loopbook.store.records import Run


def reads(project: Project, run: Run) -> list[list[Path]]:
    """Return the artifacts of the store that each stage of a run has read."""
    known = {
        (name, stage.digests[name]): project.data / place
        for stage in run.stages.values()
        for name, place in stage.artifacts.items()
        if name in stage.digests
    }
    asked = [[(name.partition("[")[0], digest) for name, digest in one.inputs.items()] for one in run.stages.values()]
    return [[known[key] for key in keys if key in known] for keys in asked]


def check(processes: list[list[Path]]) -> None:
    """Check artifacts and whole folders as so many processes do, each once."""
    for paths in processes:
        vault._sound.clear()
        for path in paths:
            if vault.is_whole(path):
                assert not vault.damage(path)
            else:
                vault.checked(path)


def timed(what: str, repeats: int, act: Callable[[], object], share_of: float) -> None:
    """Print the seconds of an act and their share in others, with their spread."""
    spent = []
    for _ in range(repeats):
        begin = time.process_time()
        act()
        spent.append(time.process_time() - begin)
    middle, least, most = statistics.median(spent), min(spent), max(spent)
    print(
        f"{what:<44} {middle:7.3f} s ({least:.3f} to {most:.3f})   "
        f"{middle / share_of:7.2%} ({least / share_of:.2%} to {most / share_of:.2%}) of {share_of:.1f} s",
        flush=True,
    )


def table(folder: Path) -> Path:
    """Seal a table of 200 MB, and return the artifact."""
    numbers = np.random.default_rng(1).normal(size=(1_250_000, 20))
    work, target = folder / "work", folder / "store" / "02_data" / "key"
    work.mkdir()
    name = content.save(pd.DataFrame(numbers, columns=[f"x{at}" for at in range(20)]), work / "train").name
    vault.seal(work, target, {"artifacts": {"train": name}})
    return target / name


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="clinic-triage")
    parser.add_argument("--profile", default="smoke")
    parser.add_argument("--repeats", type=int, default=20)
    given = parser.parse_args()
    project = Project.find()
    run = records.latest(project, given.scenario, given.profile)
    if run is None:
        raise SystemExit(f"No good run is there: make SCENARIO={given.scenario} PROFILE={given.profile}")
    read = reads(project, run)
    folders = [project.store / stage.stage / stage.key for stage in run.stages.values()]
    whole = sum(stage.seconds for stage in run.stages.values())
    files = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
    print(f"{given.scenario} {run.run}, {given.profile}: {len(read)} stages read {sum(map(len, read))} artifacts")
    print(f"{files / 1e6:.1f} MB are in its folders", flush=True)
    timed("what its stages read", given.repeats, lambda: check(read), whole)
    timed("that, and all its folders once", given.repeats, lambda: check([*read, folders]), whole)
    with tempfile.TemporaryDirectory() as place:
        artifact = table(Path(place))
        begin = time.process_time()
        content.load(artifact)
        loaded = time.process_time() - begin
        size = artifact.stat().st_size / 1e6
        timed(f"a table of {size:.0f} MB, beside reading it", given.repeats, lambda: check([[artifact]]), loaded)


if __name__ == "__main__":
    main()
