"""How much faster is a sweep with two jobs than with one, and does a Dask cluster lose anything when a worker dies?

    python -m tests.benchmarks.sweep --repeats 3
    python -m tests.benchmarks.sweep --dask

Eight points, each a fixed amount of work in one thread that takes one processor at least ten seconds here (measured
first, and reported by each notebook). With one job and with two, in turn, each in an empty store, by the command line:
wall time with everything that a sweep costs. Wanted: two jobs at least 1.65 times faster.

With ``--dask`` the same eight run on a scheduler with two workers, of which one is killed while it executes a point:
each point must be good, in the store once, and executed once, apart from what the killed worker had begun.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.cluster import cluster
from tests.conftest import SCENARIO, notebook

SECONDS = 10.5
GRID = "training.seed=1:8"
WANTED = 1.65


def rounds() -> int:
    """Return how many rounds of hashing take one processor so long, here."""
    probe = 2_000_000
    spent = []
    for _ in range(3):
        begun = time.process_time()
        hashlib.pbkdf2_hmac("sha256", b"work", b"salt", probe)
        spent.append(time.process_time() - begun)
    return int(probe * SECONDS / min(spent))


def project(folder: Path, work: int) -> Path:
    """Write a project of two notebooks: a small table, and a point's work."""
    (folder / "notebooks" / "scenarios").mkdir(parents=True)
    scenario = SCENARIO.replace("    two: {architecture: majority}\n", "")
    (folder / "notebooks" / "scenarios" / "tiny.yaml").write_text(scenario)
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (folder / "numbers.csv").write_text(f"x,y\n{rows}\n")
    (folder / "requirements.lock").write_text("")
    notebook(
        folder / "notebooks" / "02_data.ipynb",
        {"reads": ["source"], "writes": ["train"], "sections": ["name", "source"]},
        'scenario = "tiny"\nprofile = "standard"',
        'from loopbook.store.stage import Stage\nstage = Stage.open("02_data", globals())',
        'stage.write("train", {"rows": 300})\nstage.record(total=300)',
    )
    notebook(
        folder / "notebooks" / "03_training.ipynb",
        {"reads": ["train"], "writes": ["model"], "each": "candidates"},
        'scenario = "tiny"\nprofile = "standard"\ncandidate = "one"\nseed = None',
        "import hashlib, time\nfrom loopbook.store.stage import Stage",
        'stage = Stage.open("03_training", globals())',
        "with open('../started', 'a') as file:\n    file.write(f'{stage.settings.seed}\\n')",
        f"begun = time.process_time()\nhashlib.pbkdf2_hmac('sha256', b'work', b'salt', {work})",
        "stage.measure(processor_seconds=time.process_time() - begun)",
        'stage.write("model", {"seed": stage.settings.seed})\nstage.record(result=stage.settings.seed)',
    )
    return folder


def sweep(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "loopbook", "sweep", "--scenario", "tiny", "--grid", GRID, *words]


def environment(folder: Path) -> dict[str, str]:
    hidden = ("LOOPBOOK_DATA", "LOOPBOOK_REPORTS", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "LOOPBOOK_PROJECT": str(folder)}


def outcome(folder: Path) -> tuple[Counter[str], list[float]]:
    """Return how the points ended, and the seconds of processor time of each."""
    (path,) = (folder / "data" / "store" / "runs" / "sweeps" / "tiny").glob("*.json")
    statuses = Counter(each["status"] for each in json.loads(path.read_text())["points"])
    points = [json.loads(each.read_text()) for each in path.with_suffix("").glob("*.json")]
    stages = [each["stages"]["03_training[one]"]["measurements"] for each in points]
    return statuses, [each["processor_seconds"] for each in stages]


def timed(work: int, jobs: int) -> float:
    with tempfile.TemporaryDirectory() as place:
        folder = project(Path(place) / "project", work)
        begun = time.monotonic()
        done = subprocess.run(
            sweep(folder, "--jobs", str(jobs)), env=environment(folder), capture_output=True, text=True, check=False
        )
        took = time.monotonic() - begun
        statuses, spent = outcome(folder)
        if done.returncode or statuses != {"good": 8}:
            raise SystemExit(done.stdout + done.stderr)
        print(f"{jobs} job(s): {took:6.1f} s; processor time of a point {min(spent):.1f} to {max(spent):.1f} s")
        return took


def on_dask(work: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = project(Path(place) / "project", work)
        with cluster(Path(place) / "cluster", 2) as (address, workers):
            running = subprocess.Popen(
                sweep(folder, "--engine", "dask", "--dask", address),
                env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            started = folder / "started"
            while running.poll() is None and (not started.exists() or len(started.read_text().split()) < 4):
                time.sleep(0.1)
            os.kill(workers[0].pid, signal.SIGKILL)
            said = running.communicate()[0]
        statuses, _ = outcome(folder)
        begun = Counter(started.read_text().split())
        whole = list((folder / "data" / "store" / "03_training").glob("*/stage.json"))
        print(
            f"Dask, one of two workers killed: points {dict(statuses)}; in the store {len(whole)}; begun {dict(begun)}"
        )
        again = sum(begun.values()) - 8
        if running.returncode or statuses != {"good": 8} or len(whole) != 8 or len(begun) != 8 or again > 1:
            raise SystemExit(said)
        print(f"nothing lost or doubled; {again} point begun again")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dask", action="store_true", help="the cluster with a dying worker, instead")
    asked = parser.parse_args()
    work = rounds()
    if asked.dask:
        on_dask(work)
        return
    ratios = []
    for number in range(asked.repeats):
        first, second = (1, 2) if number % 2 == 0 else (2, 1)
        took = {first: timed(work, first), second: timed(work, second)}
        ratios.append(took[1] / took[2])
        print(f"pair {number + 1}: {ratios[-1]:.2f} times faster")
    told = f"{statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} pairs)"
    print(f"median {told}; wanted at least {WANTED}; load of this machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
