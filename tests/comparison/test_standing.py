"""Where a run stands: one sentence, and one action for each thing that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from loopbook.comparison.standing import Difference, open_alerts, standing
from loopbook.store.records import NOT_IN_SMOKE, CriterionRecord, ErrorRecord, Run, StageRecord

GAIN = {"champion": "cnn", "baseline": "tfidf", "paired_difference": 0.03, "paired_difference_low": 0.02,
        "paired_difference_high": 0.04}  # fmt: skip


def stage(name: str, state: Any = "done", **fields: Any) -> StageRecord:
    return StageRecord(stage=name, key="k", state=state, **fields)


def criterion(met: bool | None = True, **fields: Any) -> CriterionRecord:
    values = {"id": "right", "story": "s", "text": "At least 9 in 10 are right.", "stage": "04_optimization"}
    values |= {"metric": "test_accuracy", "comparison": ">=", "threshold": 0.9, "value": 0.625, "met": met}
    return CriterionRecord.model_validate(values | fields)


def run(*stages: StageRecord, criteria: tuple[CriterionRecord, ...] = (criterion(),), **fields: Any) -> Run:
    data = stage("02_data", metrics={"rows": 5000, "rows_test": 800})
    every = {one.name: one for one in (data, *(stages or (stage("04_optimization", metrics=GAIN),)))}
    values = {"scenario": "a", "title": "A", "description": "d", "simulated": False, "run": "r", "status": "good"}
    values |= {"profile": "standard", "started": "2026-11-24T03:12:00+00:00", "seconds": 1.0}
    return Run.model_validate(values | {"stages": every, "criteria": criteria, "champion": "cnn"} | fields)


def alert(title: str, cause: str = "vocabulary") -> dict[str, Any]:
    return {"title": title, "cause": cause, "cost": 1.0}


def test_only_a_run_with_nothing_wrong_goes_on_to_real_users() -> None:
    found = standing(run(), [])
    assert (found.sentence, found.mood) == (
        "Ready for a trial: all 1 criteria met, no alert open when this run ended.",
        "good",
    )
    assert found.steps == ("cnn can go on to a trial with real users.",)


def test_criteria_and_alerts_are_counted_in_one_sentence() -> None:
    many = (criterion(False), criterion(False, id="b"), criterion(), criterion(id="c"))
    found = standing(run(criteria=many), [alert("New words."), alert("More rows."), alert("Groups.", "fairness")])
    assert found.sentence == (
        "Not ready: 2 of 4 criteria missed, 1 fairness alert and 2 other alerts open when this run ended."
    )
    assert found.mood == "bad" and len(found.steps) == 4, "one action for each thing that is wrong"
    assert found.steps[0].startswith("“At least 9 in 10 are right”: wanted ≥ 0.9, measured 0.625.")
    assert "Groups" in found.steps[2] and found.steps[3].startswith("Look into the open alerts")


def test_an_alert_that_has_ended_is_not_open(tmp_path: Path) -> None:
    rows = [
        {"title": f"Odd {cost}", "cost": cost, "until": until}
        for cost, until in ((1.0, ""), (9.0, "2026-03-01"), (3.0, ""))
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "alerts.parquet")
    found = open_alerts(run(stage("06_monitoring", artifacts={"alerts": "alerts.parquet"})), tmp_path)
    assert [row["cost"] for row in found] == [3.0, 1.0]


FAILED = stage("03_training", "failed", error=ErrorRecord(kind="ValueError", message="no rows\nat all"))
PLAIN = GAIN | {"champion": "tfidf", "paired_difference": 0.0, "paired_difference_low": 0.0,
                "paired_difference_high": 0.0}  # fmt: skip
WORSE = GAIN | {"paired_difference": -0.03, "paired_difference_low": -0.04, "paired_difference_high": -0.02}
CHANCE = GAIN | {"paired_difference": -0.03, "paired_difference_low": -0.07, "paired_difference_high": 0.01}
EQUAL = GAIN | {"paired_difference": 0.0, "paired_difference_low": 0.0, "paired_difference_high": 0.0}
SAVING = {"saving_per_decision": 2.0, "saving_per_decision_low": -1.0, "saving_per_decision_high": 5.0}
LOSS = {"cv_saving": -2.0, "cv_saving_low": -3.0, "cv_saving_high": -1.0, **SAVING}


@pytest.mark.parametrize(
    ("made", "alerts", "sentence", "step"),
    [
        (run(profile="smoke", criteria=(criterion(None, untested=NOT_IN_SMOKE),)), [], "a smoke run only", "make"),
        (run(FAILED), [], "Not finished: 03_training failed.", "Mend 03_training: no rows"),
        (run(stage("04_optimization", metrics=WORSE)), [], "Not ready: worse than a plain baseline.", "Prefer tfidf"),
        (run(stage("04_optimization", metrics=CHANCE)), [], "no difference beyond chance from", "show on more rows"),
        (run(stage("04_optimization", metrics=EQUAL)), [], "equal to a plain baseline", "show on more rows"),
        (run(stage("05_decisions", metrics=SAVING)), [], "no saving beyond chance", "Check the costs"),
        (run(stage("05_decisions", metrics=LOSS)), [], "dearer than deciding without a model", "is cheaper"),
        (run(), [alert("Odd.")] * 80, "Not ready: 80 alerts open when this run ended.", "the dearest first."),
        (run(), [alert("Unfair.", "fairness")], "1 fairness alert open when this run", "before anybody is decided"),
        (run(stage("02_data", metrics={"rows_test": 40})), [], "judged on 40 rows only", "within 16 points"),
        (run(criteria=(criterion(None, value=None),)), [], "1 of 1 criteria not tested yet", "04_optimization"),
        (run(stage("05_decisions", metrics={"fresh_rows": False})), [], "no fresh rows", "Bring newer rows."),
        (run(criteria=()), [], "no criteria are stated", "State acceptance criteria"),
        (run(simulated=True), [], "Ready in simulation", "real data"),
    ],
)  # fmt: skip
def test_whatever_is_wrong_keeps_the_agent_from_real_users(
    made: Run, alerts: list[dict[str, Any]], sentence: str, step: str
) -> None:
    found = standing(made, alerts)
    assert sentence in found.sentence
    assert step in " ".join(found.steps) and "trial with real users" not in " ".join(found.steps)


def test_a_plain_baseline_that_was_chosen_is_no_fault() -> None:
    assert standing(run(stage("04_optimization", metrics=PLAIN)), []).mood == "good"


@pytest.mark.parametrize(
    ("value", "low", "high", "word"),
    [(0.1, 0.05, 0.2, "better"), (-0.1, -0.2, -0.05, "worse"), (-0.1, -0.2, 0.0, "no difference beyond chance"),
     (0.1, -0.01, 0.2, "no difference beyond chance"), (0.1, 0.0, 0.2, "no difference beyond chance"),
     (0.0, 0.0, 0.0, "equal"), (0.2, None, None, "no difference beyond chance"), (0.0, None, None, "equal"),
     (0.0, -0.1, 0.1, "no difference beyond chance")],
)  # fmt: skip
def test_sign_and_interval_agree(value: float, low: float | None, high: float | None, word: str) -> None:
    assert Difference(value, low, high).word == word
