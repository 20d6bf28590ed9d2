"""Measure an agent's candidates on its test split, over several splits or several simulated worlds.

``python tests/benchmarks/agents.py press-monitor --seeds 5`` prints, for each seed, accuracy and ROC AUC of the
champion chosen by validation and of the better plain baseline on unseen rows, the paired differences with intervals,
where the true state is known, the ceiling, and where the scenario asks for repeated cross-validation, its figures;
what asking a person costs against the best single threshold; then the means. A seed is that of the split (real data)
or of the world (simulated data).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

MEANS = ("test_accuracy", "test_roc_auc", "baseline_test_accuracy", "baseline_test_roc_auc", "paired_difference",
         "cv_roc_auc", "cv_difference", "cv_cost", "cv_review_ratio", "review_ratio")  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


def measure(scenario: str, profile: str, seed: int, only: str, folder: Path) -> dict[str, float | str]:
    """Run the scenario with a seed in folders of its own, and return what notebooks 04 and 05 recorded."""
    name = "source.seed" if scenario == "market-monitor" else "data.split_seed"
    params = f"{name}={seed} optimization.export=false" + (f" 'training.only=[{only}]'" if only else "")
    environment = {**os.environ, "LOOPBOOK_DATA": str(folder / "data"), "LOOPBOOK_REPORTS": str(folder / "reports")}
    command = ["-m", "loopbook", "run", "--scenario", scenario, "--profile", profile, "--params", params]
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout + done.stderr)
    record = json.loads((folder / "reports" / scenario / "latest" / "run.json").read_text(encoding="utf-8"))
    return {**record["stages"]["05_decisions"]["metrics"], **record["stages"]["04_optimization"]["metrics"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario")
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="candidates, separated by commas; none: all")
    chosen = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, chosen.seeds + 1):
            row = measure(chosen.scenario, chosen.profile, seed, chosen.only, Path(folder))
            found.append(row)
            print(f"seed {seed}: champion {row['champion']}, plain baseline {row['baseline']}")
            for metric in ("accuracy", "roc_auc"):
                print(f"  {metric:<9} {interval(row, f'test_{metric}')}", end="")
                print(f"   baseline {interval(row, f'baseline_test_{metric}')}")
            for name in ("paired_difference", "paired_difference_accuracy"):
                print(f"  {name:<27} {interval(row, name)}")
            if row.get("ceiling_roc_auc"):
                print(f"  ceiling   {row['ceiling_roc_auc']:.4f}")
            for name in ("cv_roc_auc", "cv_difference", "cv_cost", "cv_review_difference", "cv_saving"):
                if name in row:
                    print(f"  {name:<27} {interval(row, name)}")
            print(f"  review_ratio                {row['review_ratio']:.3f}")
            sys.stdout.flush()
    for name in (name for name in MEANS if name in found[0]):
        values = [float(row[name]) for row in found]
        print(f"mean of {len(values)}: {name} {statistics.mean(values):.4f} ({min(values):.4f} to {max(values):.4f})")


def interval(row: dict[str, float | str], name: str) -> str:
    """Return a value with its interval."""
    return f"{row[name]:.4f} ({row[f'{name}_low']:.4f} to {row[f'{name}_high']:.4f})"


if __name__ == "__main__":
    main()
