"""Proposals say what, why, on which evidence, and whether a batch loop may approve them by itself."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.feedback.conftest import estimated_log, known, sorted_log

from loopbook.data import relabelling
from loopbook.feedback import corrections, feedback_page, proposals, trust
from loopbook.feedback.gate import Verdict
from loopbook.feedback.rule_search import FoundRule
from loopbook.monitoring.remedies import COLUMNS
from loopbook.scenario.contract import Scenario
from loopbook.scenario.decisions import Rule
from loopbook.scenario.errors import LoopbookError

PROMOTE = Verdict("promote", "It is better.", False, 0.02, 0.01, 0.03, 0.001, 0.1, 0.0, 0.2, 900, 300)
KEEP = replace(PROMOTE, decision="keep", reason="No proof.")
WORSE = replace(KEEP, reason="It ranks worse.", worse=True)


@pytest.fixture
def judged(decisions: pd.DataFrame, truth: dict[str, int]) -> trust.Trust:
    answers = [
        {"row_id": row, "user": user, "label": truth[row]}
        for row in decisions["row_id"][:60]
        for user in ("ann", "bob")
    ]
    answers += [{"row_id": row, "user": "eve", "label": 1 - truth[row]} for row in decisions["row_id"][50:90]]
    answers += [{"row_id": "r00007", "user": "dan", "label": 1 - truth["r00007"]}]
    return trust.judge(corrections.table(answers), truth)


def test_agreed_labels_are_safe_and_disputed_ones_are_not(
    judged: trust.Trust, decisions: pd.DataFrame, contents: dict[str, str], truth: dict[str, int], scenario: Scenario
) -> None:
    agreed, disputed = proposals.labels(judged, decisions, contents, scenario, KEEP)
    assert (agreed.safe, disputed.safe) == (True, False)
    assert {one["row_id"] for one in disputed.change["corrections"]} == {"r00007"}
    assert all(one["label"] == truth[one["row_id"]] for one in agreed.change["corrections"])
    acted = decisions.set_index("row_id")["action"].eq("act").astype(int).to_dict()
    contradicted = sum(one["label"] != acted[one["row_id"]] for one in agreed.change["corrections"])
    assert agreed.evidence["contradict the agent"] == contradicted
    assert "1 of 4 users count as malicious" in agreed.reason


def test_nothing_that_a_worse_challenger_has_learned_is_safe(
    judged: trust.Trust, decisions: pd.DataFrame, contents: dict[str, str], truth: dict[str, int], scenario: Scenario
) -> None:
    made = [
        *proposals.labels(judged, decisions, contents, scenario, WORSE),
        *proposals.outcomes(truth, decisions, contents, scenario.task, WORSE),
        *proposals.champion(WORSE, "abc"),
    ]
    assert len(made) == 3
    assert not any(one.safe for one in made)
    assert all("proven worse" in one.caution for one in made)


def test_outcomes_of_other_rows_are_not_taken_over(
    decisions: pd.DataFrame, contents: dict[str, str], scenario: Scenario
) -> None:
    (made,) = proposals.outcomes({"r00001": 1, "other": 1}, decisions, contents, scenario.task, KEEP)
    assert made.change == {"outcomes": [{"row_id": "r00001", "content": contents["r00001"], "label": 1}]}
    assert proposals.outcomes({"other": 1}, decisions, contents, scenario.task, KEEP) == []


def test_only_a_promoted_challenger_is_proposed() -> None:
    (made,) = proposals.champion(PROMOTE, "abc")
    assert made.change == {"champion": "abc"}
    assert made.safe
    assert proposals.champion(KEEP, "abc") == []


def monitored(value: float = 0.31, recommended: bool = True) -> list[dict[str, object]]:
    rows = [
        ("retrain", "learn", np.nan, np.nan, np.nan, 900, 0.1, -0.1, 0.3, 9.0, -9.0, 30.0, False),
        ("move the threshold", "act from", value, np.nan, np.nan, 900, 0.2, 0.1, 0.3, 18.0, 9.0, 27.0, recommended),
    ]
    return list(json.loads(pd.DataFrame(rows, columns=COLUMNS).to_json(orient="records")))


def test_a_threshold_is_proposed_where_monitoring_recommends_one() -> None:
    (made,) = proposals.threshold(monitored(), 0.2, [])
    assert made.change == {"threshold": 0.31}
    assert made.safe
    assert made.evidence["rows"] == 900
    assert proposals.threshold(monitored(recommended=False), 0.2, []) == []
    assert proposals.threshold(monitored(0.2001), 0.2, []) == []
    assert proposals.threshold(monitored(1.0000001), 0.2, []) == []
    assert proposals.threshold([], 0.2, []) == []


def test_a_threshold_for_a_model_that_will_change_is_not_safe(
    decisions: pd.DataFrame, contents: dict[str, str], scenario: Scenario
) -> None:
    learned = proposals.outcomes({"r00001": 1}, decisions, contents, scenario.task, KEEP)
    (made,) = proposals.threshold(monitored(), 0.2, learned)
    assert not made.safe
    assert "today's model" in made.caution
    assert proposals.threshold(monitored(), 0.2, proposals.champion(PROMOTE, "abc")) == []


def test_a_rule_carries_its_evidence_and_waits_for_a_person() -> None:
    found = FoundRule("act on x", Rule(when='"x" in words', action="act"), 30, 20, 0.1, 0.05, 0.2, 0.9, 3.0)
    (made,) = proposals.rules([found], "EUR")
    assert not made.safe
    assert Rule.model_validate_json(made.change["rule"]["text"]) == found.rule
    assert made.evidence["low"] == 0.05


def test_requirements_follow_clear_complaints_only() -> None:
    names = ["segment", "answers", "users", "wrong", "low", "high", "elsewhere", "how", "p"]
    table = pd.DataFrame(
        [
            ("place “north”", 80, 9, 0.5, 0.4, 0.6, 0.2, "missed 30", 0.001),
            ("place “south”", 80, 9, 0.3, 0.2, 0.4, 0.2, "missed 14", 0.2),
            ("place “east”", 80, 9, 0.0, 0.0, 0.1, 0.3, "", 0.001),
        ],
        columns=names,
    )
    comments = pd.DataFrame(
        [
            ("missed", "overlooked", 9, 0, 2.0, 4.0, "You overlooked it."),
            ("right", "thanks", 9, 0, 2.0, 4.0, "Thanks."),
        ],
        columns=["kind", "term", "texts", "others", "log_odds", "z", "example"],
    )
    made = proposals.requirements(table, comments)
    assert [one.title for one in made] == ["A criterion for place “north”", "Look into missed decisions"]
    wanted = made[0].change["requirement"]
    assert (wanted["metric"], wanted["comparison"], wanted["threshold"]) == ("worse_segments", "==", 0)
    assert not any(one.safe for one in made)


def test_the_same_suggestion_has_the_same_id(
    decisions: pd.DataFrame, contents: dict[str, str], scenario: Scenario
) -> None:
    one, other, third = (
        proposals.outcomes(known, decisions, contents, scenario.task, verdict)[0]
        for known, verdict in (({"r00001": 1}, KEEP), ({"r00001": 1}, WORSE), ({"r00001": 0}, KEEP))
    )
    assert one.id == other.id != third.id


def test_proposals_are_plain_values_and_come_back(
    judged: trust.Trust, decisions: pd.DataFrame, contents: dict[str, str], truth: dict[str, int], scenario: Scenario
) -> None:
    made = [
        *proposals.labels(judged, decisions, contents, scenario, KEEP),
        *proposals.outcomes(truth, decisions, contents, scenario.task, KEEP),
        *proposals.champion(replace(PROMOTE, p=float("nan")), "abc"),
    ]
    text = json.dumps([one.model_dump() for one in made], allow_nan=False)
    assert proposals.from_plain(json.loads(text)) == made
    assert feedback_page.proposals(made).index.tolist() == [one.id for one in made]
    with pytest.raises(LoopbookError, match="Run notebook 07 again"):
        proposals.from_plain([{"id": "x"}])


@pytest.mark.parametrize("kind", ["sorting", "estimating"])
def test_labels_and_outcomes_of_any_type_are_proposed_as_a_snapshot_holds_them(
    kind: str, request: pytest.FixtureRequest
) -> None:
    scenario = request.getfixturevalue(kind)
    log = (sorted_log if kind == "sorting" else estimated_log)(200)
    truth = known(log)
    answers = [{"row_id": row, "user": user, "label": truth[row]} for row in log["row_id"][:60] for user in "ab"]
    judged = trust.judge(corrections.table(answers, log["label"].dtype), truth)
    contents = relabelling.fingerprints(log, scenario.task)
    (agreed,) = proposals.labels(judged, log, contents, scenario, KEEP)
    (settled,) = proposals.outcomes(truth, log, contents, scenario.task, KEEP)
    for made in (agreed, settled):
        plain = json.loads(json.dumps(made.model_dump(), allow_nan=False))
        labels = {one["row_id"]: one["label"] for one in next(iter(plain["change"].values()))}
        assert {type(label) for label in labels.values()} == {str if kind == "sorting" else float}
        assert all(labels[row] == pytest.approx(truth[row]) for row in labels)
    wanted = (
        log["label"].gt(30).map({True: "hurry", False: "queue"}) if kind == "estimating" else log["label"].astype(str)
    )
    assert agreed.evidence["contradict the agent"] == (log["action"] != wanted)[:60].sum()
    assert ("billing" if kind == "sorting" else "above 30 min") in settled.reason
