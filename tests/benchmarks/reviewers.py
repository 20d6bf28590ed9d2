"""Do reviewers make the agent better? Held-back labels of real text answer as reviewers, through the pages' own API.

    OMP_NUM_THREADS=1 python tests/benchmarks/reviewers.py --reviews 400

`press-monitor` runs, is served by the real command, and is reviewed by HTTP: each reviewer has an API key, asks for the
next item and says what the held-back rating says, but for one answer in twenty; one of the reviewers always says the
opposite. Then the service ends, the agent runs again and hears what was said, what is safe is approved, and the next
round runs. Printed: what notebook 07 heard, whom it found, and what the round brought. The reviewers are simulated, the
sentences and their ratings are real; nobody in this uses a fast clock, so all answers of an hour count
(`feedback.most_an_hour`).
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loopbook.decisions.audit import database
from loopbook.service import keys
from loopbook.store import content, records
from loopbook.store.lookup import artifact
from loopbook.store.project import Project

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = "press-monitor"
REVIEWERS = ("ann", "bob", "cyd", "dan", "eve")
LIAR = "eve"


def command(environment: Mapping[str, str], *words: str) -> str:
    """Run a command of Loopbook and return what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "loopbook", *words],
        cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def call(port: int, secret: str, path: str, body: Mapping[str, Any]) -> Any:
    """Return the answer to a POST; waits where the service asks for it."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        head = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body).encode(), head)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status == 429:
            time.sleep(float(answer.headers.get("Retry-After", 1)))
            continue
        if answer.status not in (200, 201):
            raise SystemExit(f"{path}: {answer.status} {said.decode()}")
        return json.loads(said)


def review(port: int, secrets: Mapping[str, str], truth: Mapping[str, str], most: int) -> dict[str, int]:
    """Let reviewers answer in turn until enough is said or nothing waits; return how many answers each gave."""
    random, given = np.random.default_rng(1), dict.fromkeys(secrets, 0)
    waiting = set(secrets)
    while waiting and sum(given.values()) < most:
        for name in sorted(waiting):
            item = call(port, secrets[name], "/review/next", {})["item"]
            if item is None:
                waiting.discard(name)
                continue
            right = truth[item["fields"]["text"]]
            wrong = name == LIAR or random.random() < 0.05
            label = next(each for each in item["classes"] if (each != right) == wrong)
            said = {"token": item["lease"]["token"], "verdict": "correct", "label": label, "seconds": 5.0}
            call(port, secrets[name], f"/review/{item['decision_id']}", said)
            given[name] += 1
    return given


def served(environment: Mapping[str, str], project: Project, profile: str, most: int) -> dict[str, int]:
    """Serve the agent, review, and end the service gracefully."""
    run = records.latest(project, SCENARIO, profile)
    assert run is not None
    rows = content.load(artifact(project, run, "lived"))
    names = np.array(["other", "negative"], dtype=object)[rows["label"].astype(int)]
    truth = dict(zip(rows["text"], names.tolist(), strict=True))
    engine = database.connect(project)
    secrets = {name: keys.create(engine, f"{SCENARIO}/{profile}", name, "reviewer", "benchmark") for name in REVIEWERS}
    engine.dispose()
    words = ["--scenario", SCENARIO, "--profile", profile, "--workers", "1", "--port", "0"]
    service = subprocess.Popen(
        [sys.executable, "-m", "loopbook", "serve", *words],
        cwd=ROOT, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert service.stdout is not None
        for line in service.stdout:
            print(line, end="", flush=True)
            if line.startswith("Serving"):
                return review(int(line.rsplit(":", 1)[1]), secrets, truth, most)
        raise SystemExit("The service ended before it served.")
    finally:
        service.send_signal(signal.SIGINT)
        service.wait(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="smoke")
    parser.add_argument("--reviews", type=int, default=400)
    parser.add_argument("--params", default="training.only=[tfidf]", help="values, as for loopbook run")
    parser.add_argument("--folder", type=Path, help="begin with what is there; without, in an empty one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        environment = {**os.environ, "LOOPBOOK_DATA": str(folder / "data"), "LOOPBOOK_REPORTS": str(folder / "reports")}
        project = Project(ROOT, folder / "data", folder / "reports")
        words = ["--scenario", SCENARIO, "--profile", given.profile, "--params", given.params, "--jobs", "1"]
        command(environment, "run", *words)
        print(json.dumps({"answers given": served(environment, project, given.profile, given.reviews)}), flush=True)
        command(environment, "run", *words)
        print(heard(project, given.profile), flush=True)
        agreed = ["--scenario", SCENARIO, "--profile", given.profile, "safe"]
        print(command(environment, "approve", *agreed), flush=True)
        command(environment, "run", *words)
        print(heard(project, given.profile), flush=True)


def heard(project: Project, profile: str) -> str:
    """Return what the latest run's notebook 07 heard, and what the round brought."""
    run = records.latest(project, SCENARIO, profile)
    assert run is not None
    stages = run.stages
    said = stages["07_feedback"].metrics
    names = ("answers", "malicious_found", "accepted_labels", "verdict", "challenger_gain", "challenger_gain_low")
    found = {name: said[name] for name in (*names, "challenger_gain_high")}
    found |= {name: value for name, value in stages["05_decisions"].metrics.items() if name.startswith("rounds_gain")}
    found["test_roc_auc"] = stages["04_optimization"].metrics["test_roc_auc"]
    sources = pd.DataFrame(content.load(artifact(project, run, "answers")))["source"].value_counts().to_dict()
    return json.dumps({"round": run.round, **found, "sources": sources}, default=str)


if __name__ == "__main__":
    main()
