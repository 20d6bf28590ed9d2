"""A file of a million rows and 20 columns: seconds to the first report, and the peak memory of a standard run.

``python tests/benchmarks/million.py`` writes an invented table, begins an agent with it (``new``, with its first run in
smoke), and runs it in standard; ``--rows 100000`` takes fewer rows, ``--params "training.epochs=2"`` gives a standard
run other settings. Printed are seconds, rows, and the largest resident memory of any one process.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]


def table(rows: int) -> pd.DataFrame:
    """Return rides with a time, eleven numbers, six categories and a label that depends on some of them."""
    draw = np.random.default_rng(7)
    seconds = np.sort(draw.integers(0, 365 * 86_400, rows))
    found = pd.DataFrame({"ride_id": [f"R{row:07d}" for row in range(rows)]})
    found["started_at"] = (pd.Timestamp("2025-01-01") + pd.to_timedelta(seconds, unit="s")).strftime(
        "%Y-%m-%d %H:%M:%S"
    )
    for place in range(9):
        found[f"sensor_{place}"] = draw.normal(10 * place, 1 + place, rows).round(3)
    for place, levels in enumerate((3, 5, 8, 12, 20, 40)):
        names = np.array([f"level-{place}-{level}" for level in range(levels)])
        found[f"kind_{place}"] = names[draw.integers(0, levels, rows)]
    found["minutes"] = draw.integers(1, 600, rows)
    found["distance_km"] = draw.gamma(2, 3, rows).round(2)
    logit = 0.3 * found["sensor_0"] + 0.4 * (found["kind_1"] == "level-1-2") - 0.05 * found["distance_km"] - 1.2
    found["cancelled"] = np.where(draw.random(rows) < 1 / (1 + np.exp(-logit)), "yes", "no")
    return found


def timed(what: str, project: Path, *words: str) -> str:
    """Run a command in a project, print how long it took and the peak of memory so far; return what it printed."""
    hidden = ("PYTHONDONTWRITEBYTECODE", "LOOPBOOK_DATA", "LOOPBOOK_REPORTS")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "loopbook", *words],
        cwd=project,
        env={**kept, "LOOPBOOK_PROJECT": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout + done.stderr)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{what:<28} {time.monotonic() - begin:7.1f} s   {peak:5.2f} GiB in the largest process", flush=True)
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--params", default="")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(ROOT / "notebooks", project / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        shutil.copy(ROOT / "requirements.lock", project)
        table(chosen.rows).to_csv(Path(folder) / "rides.csv", index=False)
        timed("first report (new, smoke)", project, "new", "rides", str(Path(folder) / "rides.csv"))
        words = ("--params", chosen.params) if chosen.params else ()
        printed = timed("standard", project, "run", "--scenario", "rides", *words)
        print("\n".join(re.findall(r"^[✓].*$", printed, flags=re.M)))


if __name__ == "__main__":
    main()
