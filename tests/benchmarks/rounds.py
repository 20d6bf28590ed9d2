"""What do rounds bring? Loops of several rounds, and the champion of each judged on the same untouched rows.

    python tests/benchmarks/rounds.py market-monitor --seeds 5
    python tests/benchmarks/rounds.py press-monitor --seeds 5
    python tests/benchmarks/rounds.py tickets --seeds 5 --profile smoke
    python tests/benchmarks/rounds.py tickets-minutes --seeds 5 --profile smoke
    python tests/benchmarks/rounds.py market-monitor --seeds 4 --arms clean poisoned --params \
        "training.only=[tfidf] optimization.trials=1 optimization.masking_cost=false"

Each seed is a world of its own (simulation) or another split of the groups (real data), in an empty store, by the
command line. `test` is never learned from and never chosen on, and is the same in every round. Where the world can go
on, the champions also answer the days after the last round, which no round has seen. The champion of round 0 is what
one has without the loop; the others are measured against it. The tickets are those of `tests.tasks`, of several classes
and of a number; of their users one in five is malicious, and how many of the labels that were approved are wrong is
shown beside.

With `--arms` the same worlds are lived through several times, from one first round: `clean` (no user means harm),
`poisoned` (one in ten does, each otherwise), `outcomes` (nobody says anything; what became of decisions is learned).
What poison costs is the difference of the last champions on the days after; what is forgotten is what the last
champion loses on `test`, whose days end before the first round's world changes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from loopbook.data import cleaning, sources, splitting, validation
from loopbook.decisions import paired_gains
from loopbook.models.shipping import serving
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.statistics import metrics
from loopbook.store.project import Project

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests import tasks  # noqa: E402

TICKETS: dict[str, tasks.Kind] = {"tickets": "multiclass", "tickets-minutes": "number"}


ARMS = {
    "clean": "feedback.malicious_rate=0",
    "poisoned": "feedback.malicious_rate=0.1 feedback.attack=adaptive",
    "outcomes": "feedback.answer_rate=0",
}


def place(scenario: str, folder: Path, rounds: int, seed: int) -> Path:
    """Return the project in which a scenario runs: this one, or one of its own with tickets of a seed."""
    if scenario not in TICKETS:
        return ROOT
    root = folder / "project"
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    shutil.copy(ROOT / "requirements.lock", root)
    written = tasks.write(root, TICKETS[scenario], scenario, 2_400, windows=rounds + 1, seed=seed)
    with written.open("a", encoding="utf-8") as file:
        file.write("feedback: {answer_rate: 0.6, users: 20, malicious_rate: 0.2}\nmonitoring: {label_delay_days: 3}\n")
    return root


def loop(scenario: str, profile: str, rounds: int, params: str, root: Path, folder: Path) -> list[dict[str, Any]]:
    """Run a loop in an empty store and return the records of its rounds."""
    environment = {
        **os.environ,
        "LOOPBOOK_PROJECT": str(root),
        "LOOPBOOK_DATA": str(folder / "data"),
        "LOOPBOOK_REPORTS": str(folder / "reports"),
    }
    words = ["--scenario", scenario, "--profile", profile, "--params", params, "--rounds", str(rounds)]
    done = subprocess.run(
        [sys.executable, "-m", "loopbook", "loop", *words],
        cwd=root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout + done.stderr)
    runs = sorted((folder / "data" / "store" / "runs" / scenario).glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in runs]


def after_the_last_round(scenario: Scenario, rounds: int, root: Path) -> pd.DataFrame | None:
    """Return the rows of the window after the last round, as notebook 02 would make them; None if there is none."""
    if scenario.data.splits.windows <= rounds:
        return None
    collected = sources.collect(scenario.source, root, root / "data" / "raw", lambda _: None)
    rows, _ = validation.validate(collected, scenario, datetime.now(UTC).date())
    masked, _ = cleaning.mask(rows, scenario)
    kept, _ = cleaning.deduplicate(masked, scenario)
    return splitting.split(kept, scenario, rounds + 1)["stream"]


def figures(record: dict[str, Any], folder: Path, fresh: pd.DataFrame | None, scenario: Scenario) -> dict[str, Any]:
    """Return what one round reached."""
    stages, primary = record["stages"], metrics.primary(scenario.task.type).name
    test, decided, said = (stages[name]["metrics"] for name in ("04_optimization", "05_decisions", "07_feedback"))
    found = {
        "round": record["round"],
        "test": test[f"test_{primary}"],
        "stream": decided[f"stream_{primary}"],
        **{name: decided[name] for name in ("rounds_gain", "cost_per_decision")},
        "champion": record["champion"],
        "learned": stages["02_data"]["metrics"]["learned_rows"],
        "malicious_found": said["malicious_found"],
        "verdict": said["verdict"],
    }
    if fresh is not None:
        champion = serving.load(folder / "data" / stages["04_optimization"]["artifacts"]["champion"])
        answers = paired_gains.judged(champion, fresh, scenario.task)
        found["fresh"] = metrics.score(primary, fresh["label"], answers)
    return found


def approved_wrongly(root: Path, folder: Path, scenario: Scenario) -> dict[str, int]:
    """Return how many labels of users were approved, and how many of them are not what the file says.

    A number is wrong where it is farther off than a tenth of how far numbers are apart.
    """
    file = pd.read_csv(root / "data" / "raw" / f"{scenario.name}.csv").set_index("id")
    truth = file[scenario.task.label.column]
    last = max((folder / "data" / "state" / "snapshots").rglob("[0-9]*.json"), default=None)
    said = json.loads(last.read_text(encoding="utf-8"))["corrections"] if last else []
    also = [one for one in said if one.get("output")]
    said = [one for one in said if not one.get("output")]
    far = 0.1 * truth.std() if scenario.task.type == "number" else None
    wrong = [
        one["label"] != truth[one["row_id"]] if far is None else abs(one["label"] - truth[one["row_id"]]) > far
        for one in said
    ]
    further = sum(one["label"] != file[scenario.task.also[one["output"]].column][one["row_id"]] for one in also)
    return {
        **{"labels_approved": len(said), "of_them_wrong": int(sum(wrong))},
        **{"further_approved": len(also), "of_these_wrong": int(further)},
    }


def begun(first: Path, folder: Path) -> Path:
    """Return a folder that begins with what another has in its store, but for its runs."""
    if first != folder:
        shutil.copytree(first / "data", folder / "data", copy_function=os.link, ignore=shutil.ignore_patterns("state"))
        shutil.rmtree(folder / "data" / "store" / "runs")
    return folder


def difference(last: pd.Series[float], first: pd.Series[float]) -> str:
    """Return the mean difference over worlds, with its 95% interval (Student's t)."""
    gain = (last - first).dropna()
    half = stats.t.ppf(0.975, len(gain) - 1) * gain.std() / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
    return f"{gain.mean():+.4f} ({gain.mean() - half:+.4f} to {gain.mean() + half:+.4f}), {len(gain)} worlds"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=["market-monitor", "press-monitor", "clinic-triage", *TICKETS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--params", default="", help="more values, as for loopbook run")
    parser.add_argument("--arms", nargs="+", choices=[*ARMS], help="the same worlds with other users")
    given = parser.parse_args()
    simulated = given.scenario == "market-monitor"
    arms = {name: ARMS[name] for name in given.arms} if given.arms else {"as it is": ""}
    rows = []
    for seed in range(1, given.seeds + 1):
        params = f"{'source.seed' if simulated else 'data.split_seed'}={seed} {given.params}"
        if simulated:
            params += f" source.later_days={26 * given.rounds} data.splits.windows={given.rounds + 1}"
            params += f" feedback.feedback_seed={seed}"
        if given.scenario in TICKETS:
            params = f"feedback.feedback_seed={seed} training.seed={seed} {given.params}"
        with tempfile.TemporaryDirectory() as temporary:
            root = place(given.scenario, Path(temporary), given.rounds, seed)
            for arm, changed in arms.items():
                folder = begun(Path(temporary) / next(iter(arms)), Path(temporary) / arm)
                values = loading.given_values(f"{params} {changed}")
                scenario = loading.load(given.scenario, Project(root).scenarios, given.profile, values)
                fresh = after_the_last_round(scenario, given.rounds, root)
                for record in loop(given.scenario, given.profile, given.rounds, f"{params} {changed}", root, folder):
                    rows.append({"seed": seed, "arm": arm, **figures(record, folder, fresh, scenario)})
                    print(json.dumps(rows[-1]), flush=True)
                if given.scenario in TICKETS:
                    print(json.dumps({"seed": seed, **approved_wrongly(root, folder, scenario)}), flush=True)
    table = pd.DataFrame(rows)
    print(f"\nThe primary metric is {metrics.primary(scenario.task.type).title}.")
    for name in (name for name in ("rounds_gain", "fresh", "test", "cost_per_decision") if name in table):
        last = {}
        for arm, part in table.groupby("arm", sort=False):
            by_round = part.pivot(index="seed", columns="round", values=name)
            last[arm] = by_round.ffill(axis=1).iloc[:, -1]
            print(f"\n{name}, {arm}: mean by round {by_round.mean().round(4).tolist()}")
            for number in by_round.columns[1:]:
                print(f"  round {number} less round 0: {difference(by_round[number], by_round[by_round.columns[0]])}")
        for arm in list(last)[1:]:
            print(f"  {name}, {arm} less {next(iter(last))}: {difference(last[arm], last[next(iter(last))])}")


if __name__ == "__main__":
    main()
