"""The default agent's smoke run, started twice at once: each notebook is executed once, and both runs are right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.notebooks.conftest import ROOT, Place


def test_two_smoke_runs_at_once_do_each_stage_once_and_give_what_one_alone_gives(
    ran: tuple[Place, dict[str, Any]], place: Callable[[str], Place]
) -> None:
    where = place("at-once")
    command = [sys.executable, "-m", "loopbook", "run", "--scenario", "market-monitor", "--profile", "smoke"]
    running = [
        subprocess.Popen(
            command, cwd=ROOT, env=where.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in running]
    assert {process.returncode for process in running} <= {0, 3}, said
    stored = where.folder / "data" / "store"
    runs = [json.loads(path.read_text()) for path in sorted((stored / "runs" / "market-monitor").glob("*.json"))]
    done = Counter(name for run in runs for name, stage in run["stages"].items() if stage["state"] == "done")
    assert done == Counter(ran[1]["stages"].keys()), "each stage was executed by one of the two"
    for run in runs:
        for name, stage in ran[1]["stages"].items():
            assert run["stages"][name]["key"] == stage["key"]
            assert run["stages"][name]["metrics"] == stage["metrics"]
    latest = where.folder / "reports" / "market-monitor" / "latest" / "run.json"
    assert json.loads(latest.read_text())["run"] == max(run["run"] for run in runs)
