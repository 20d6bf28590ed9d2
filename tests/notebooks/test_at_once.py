"""The default agent's smoke run, started twice at once: each notebook is executed once, and both runs are right."""

from __future__ import annotations

import json
from collections import Counter

from tests.smoke import DEFAULT, Ran


def test_two_smoke_runs_at_once_do_each_stage_once_and_are_both_right(ran: Ran) -> None:
    where, latest = ran
    stored = where.folder / "data" / "store" / "runs" / DEFAULT
    runs = [json.loads(path.read_text()) for path in sorted(stored.glob("*.json"))]
    assert len(runs) in (1, 2), "one that came later to all of it has nothing to say"
    done = Counter(name for run in runs for name, stage in run["stages"].items() if stage["state"] == "done")
    assert done == Counter(latest["stages"].keys()), "each stage was executed by one of the two"
    for run in runs:
        for name, stage in latest["stages"].items():
            assert run["stages"][name]["key"] == stage["key"]
            assert run["stages"][name]["metrics"] == stage["metrics"]
    assert latest["run"] == max(run["run"] for run in runs)
