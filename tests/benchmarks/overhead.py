"""Measure what a run costs beside its notebooks' own work, against a shell loop of the papermill command line.

``python tests/benchmarks/overhead.py --pairs 5`` runs the default scenario's smoke profile both ways, in turn, each
time from empty stores, one notebook at a time and in the same environment; our report, which papermill does not
make, is left out. Overhead is the wall time less the time of all cells but the one with the imports. Where a cell
imports TensorFlow inside a function, that counts as its work, which favours the loop. Load of the machine is printed
with each pair: with others computing, both times are worth less.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from loopbook.scenario.loading import load
from loopbook.store.declaration import declarations

ROOT = Path(__file__).resolve().parents[2]
SCENARIO, PROFILE = "market-monitor", "smoke"
IMPORTS = "imports"
RUN_WITHOUT_REPORT = (
    "from loopbook.operations import session; from loopbook.cli.commands import app; "
    "session.report = lambda *_, **__: 'not built'; "
    f"app(['run', '--scenario', '{SCENARIO}', '--profile', '{PROFILE}', '--jobs', '1'])"
)


def environment(folder: Path) -> dict[str, str]:
    """Return an environment with empty stores in a folder."""
    hidden = ("PYTHONDONTWRITEBYTECODE", "LOOPBOOK_JOB")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    places = {"LOOPBOOK_PROJECT": ROOT, "LOOPBOOK_DATA": folder / "data", "LOOPBOOK_REPORTS": folder / "reports"}
    return {**kept, **{name: str(path) for name, path in places.items()}, "TF_CPP_MIN_LOG_LEVEL": "3"}


def ours(folder: Path) -> tuple[float, list[Path]]:
    """Run with Loopbook; return the wall time [s] and the executed notebooks."""
    seconds = timed([sys.executable, "-c", RUN_WITHOUT_REPORT], folder, (0, 3))
    if (folder / "reports").exists():
        raise SystemExit("A report was built, which papermill does not make: the two would not be comparable.")
    return seconds, sorted((folder / "data" / "store").glob("0*/*/notebook.ipynb"))


def theirs(folder: Path) -> tuple[float, list[Path]]:
    """Run a shell loop of papermill; return the wall time [s] and the executed notebooks."""
    candidates = load(SCENARIO, ROOT / "notebooks" / "scenarios", PROFILE).training.chosen
    papermill = shlex.quote(str(Path(sys.executable).with_name("papermill")))
    lines, outputs = ["set -e"], []
    for stage, declared in declarations(ROOT / "notebooks", studies=()).items():
        for candidate in candidates if declared.each else (None,):
            output = folder / f"{stage}-{candidate}.ipynb"
            more = f" -p candidate {candidate}" if candidate else ""
            lines.append(
                f"{papermill} notebooks/{stage}.ipynb {shlex.quote(str(output))} "
                f"-p scenario {SCENARIO} -p profile {PROFILE}{more}"
            )
            outputs.append(output)
    return timed(["bash", "-c", "\n".join(lines)], folder, (0,)), outputs


def timed(command: list[str], folder: Path, good: tuple[int, ...]) -> float:
    """Return how long a command takes [s]."""
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment(folder), capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode not in good:
        raise SystemExit(done.stdout + done.stderr)
    return seconds


def work(notebook: Path) -> float:
    """Return the time [s] of a notebook's cells, the imports apart."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return sum(
        cell["metadata"]["papermill"]["duration"] or 0
        for cell in cells
        if cell["cell_type"] == "code" and cell["id"] != IMPORTS
    )


def measure(way: Callable[[Path], tuple[float, list[Path]]]) -> tuple[float, float]:
    """Return wall time and overhead [s] of one way, from empty stores."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, notebooks = way(Path(folder))
        return seconds, seconds - sum(work(notebook) for notebook in notebooks)


def summed(values: list[float], digits: int = 1) -> str:
    """Return the median with the smallest and largest value."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    pairs = parser.parse_args().pairs
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    for pair in range(pairs):
        ways = [("ours", ours), ("theirs", theirs)]
        for name, way in ways if pair % 2 == 0 else reversed(ways):
            found[name].append(measure(way))
        (wall, over), (their_wall, their_over) = found["ours"][-1], found["theirs"][-1]
        print(
            f"pair {pair + 1}: ours {wall:.1f} s, overhead {over:.1f} s; papermill {their_wall:.1f} s, overhead "
            f"{their_over:.1f} s; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors",
            flush=True,
        )
    for index, what in enumerate(("wall time", "overhead")):
        mine, other = ([row[index] for row in found[name]] for name in ("ours", "theirs"))
        ratios = [a / b for a, b in zip(mine, other, strict=True)]
        print(f"{what} [s]: ours {summed(mine)}, papermill {summed(other)}, ratio {summed(ratios, 2)}")


if __name__ == "__main__":
    main()
