"""What do rounds bring? Loops of several rounds, and the champion of each judged on the same untouched rows.

    python tests/benchmarks/rounds.py market-monitor --seeds 5
    python tests/benchmarks/rounds.py press-monitor --seeds 5

Each seed is a world of its own (simulation) or another split of the groups (real data), in an empty store, by the
command line. `test` is never learned from and never chosen on, and is the same in every round. Where the world can go
on, the champions also answer the days after the last round, which no round has seen. The champion of round 0 is what
one has without the loop; the others are measured against it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score

from loopbook.data import cleaning, sources, splitting, validation
from loopbook.models import seen_rows
from loopbook.models.shipping import serving
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.store.project import Project

ROOT = Path(__file__).resolve().parents[2]


def loop(scenario: str, profile: str, rounds: int, params: str, folder: Path) -> list[dict[str, Any]]:
    """Run a loop in an empty store and return the records of its rounds."""
    environment = {**os.environ, "LOOPBOOK_DATA": str(folder / "data"), "LOOPBOOK_REPORTS": str(folder / "reports")}
    words = ["--scenario", scenario, "--profile", profile, "--params", params, "--rounds", str(rounds)]
    done = subprocess.run(
        [sys.executable, "-m", "loopbook", "loop", *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout + done.stderr)
    runs = sorted((folder / "data" / "store" / "runs" / scenario).glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in runs]


def after_the_last_round(scenario: Scenario, rounds: int) -> pd.DataFrame | None:
    """Return the rows of the window after the last round, as notebook 02 would make them; None if there is none."""
    if scenario.data.splits.windows <= rounds:
        return None
    collected = sources.collect(scenario.source, ROOT, ROOT / "data" / "raw", lambda _: None)
    rows, _ = validation.validate(collected, scenario, datetime.now(UTC).date())
    masked, _ = cleaning.mask(rows, scenario)
    kept, _ = cleaning.deduplicate(masked, scenario)
    return splitting.split(kept, scenario, rounds + 1)["stream"]


def figures(record: dict[str, Any], folder: Path, fresh: pd.DataFrame | None) -> dict[str, Any]:
    """Return what one round reached."""
    stages = record["stages"]
    found = {
        "round": record["round"],
        "test_roc_auc": stages["04_optimization"]["metrics"]["test_roc_auc"],
        "test_accuracy": stages["04_optimization"]["metrics"]["test_accuracy"],
        **{
            name: stages["05_decisions"]["metrics"][name]
            for name in ("stream_roc_auc", "rounds_gain", "cost_per_decision")
        },
        "champion": record["champion"],
        "learned": stages["02_data"]["metrics"]["learned_rows"],
        "verdict": stages["07_feedback"]["metrics"]["verdict"],
    }
    if fresh is not None:
        champion = serving.load(folder / "data" / stages["04_optimization"]["artifacts"]["champion"])
        found["fresh_roc_auc"] = float(roc_auc_score(fresh["label"], seen_rows.probabilities(champion, fresh)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=["market-monitor", "press-monitor", "clinic-triage"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--params", default="", help="more values, as for loopbook run")
    given = parser.parse_args()
    simulated = given.scenario == "market-monitor"
    rows = []
    for seed in range(1, given.seeds + 1):
        params = f"{'source.seed' if simulated else 'data.split_seed'}={seed} {given.params}"
        if simulated:
            params += f" source.later_days={26 * given.rounds} data.splits.windows={given.rounds + 1}"
        scenario = loading.load(given.scenario, Project(ROOT).scenarios, given.profile, loading.given_values(params))
        fresh = after_the_last_round(scenario, given.rounds)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for record in loop(given.scenario, given.profile, given.rounds, params, folder):
                rows.append({"seed": seed, **figures(record, folder, fresh)})
                print(json.dumps(rows[-1]), flush=True)
    table = pd.DataFrame(rows)
    names = ("rounds_gain", "fresh_roc_auc", "test_roc_auc", "test_accuracy", "cost_per_decision")
    for name in [each for each in names if each in table]:
        by_round = table.pivot(index="seed", columns="round", values=name)
        print(f"\n{name}: mean by round {by_round.mean().round(4).tolist()}")
        for last in by_round.columns[1:]:
            gain = by_round[last] - by_round[0]
            half = stats.t.ppf(0.975, len(gain) - 1) * gain.std() / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
            mean = gain.mean()
            print(f"  round {last} less round 0: {mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f})")


if __name__ == "__main__":
    main()
