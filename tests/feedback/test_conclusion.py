"""A round's conclusion holds what users, outcomes and the gate give reason for, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest
from tests.feedback.conftest import estimated_log, known, sorted_log

from loopbook.feedback import approval, conclusion, corrections, proposals, trust, user_experience, users
from loopbook.feedback.challenger import Comparison
from loopbook.feedback.gate import Verdict
from loopbook.scenario.contract import Scenario
from loopbook.scenario.feedback import FeedbackSettings
from loopbook.store.snapshots import Snapshot

PROMOTE = Verdict("promote", "It is better.", False, 0.02, 0.01, 0.03, 0.001, 0.1, 0.0, 0.2, 900, 300)
KEEP = replace(PROMOTE, decision="keep", reason="No proof.")


@pytest.mark.parametrize(
    ("verdict", "kinds"), [(KEEP, {"labels", "outcomes"}), (PROMOTE, {"labels", "outcomes", "champion"})]
)
def test_a_champion_is_proposed_only_if_the_gate_says_so(
    decisions: pd.DataFrame,
    truth: dict[str, int],
    scenario: Scenario,
    verdict: Verdict,
    kinds: set[str],
) -> None:
    answers = corrections.table(
        [
            {"row_id": row, "user": user, "label": truth[row]}
            for row in decisions["row_id"][:60]
            for user in ("ann", "bob")
        ]
    )
    judged = trust.judge(answers, truth)
    said = user_experience.complaints(answers, decisions, scenario, judged)
    facts = conclusion.Facts(scenario, decisions, decisions, truth, judged)
    new = conclusion.conclude(facts, said, Comparison(verdict, pd.DataFrame(), "abc"), {"proposals": []}, 0.4)
    assert {one.kind for one in new} & {"labels", "outcomes", "champion"} == kinds
    assert len({one.id for one in new}) == len(new)


@pytest.mark.parametrize("kind", ["sorting", "estimating"])
def test_a_conclusion_of_any_type_is_plain_values(kind: str, request: pytest.FixtureRequest) -> None:
    scenario = request.getfixturevalue(kind)
    log = (sorted_log if kind == "sorting" else estimated_log)(600)
    if kind == "sorting":
        log = log.assign(text=log["text"].where(log["label"] != "fraud", "login"), action="billing")
    answers = users.simulate(log, known(log), scenario, FeedbackSettings(answer_rate=0.5))
    outcomes = dict(list(known(log).items())[:400])
    judged = trust.judge(answers, outcomes)
    said = user_experience.complaints(answers, log, scenario, judged)
    facts = conclusion.Facts(scenario, log, log, outcomes, judged)
    new = conclusion.conclude(facts, said, Comparison(KEEP, pd.DataFrame(), "abc"), {"proposals": []}, None)
    assert {"labels", "outcomes"} <= {one.kind for one in new}
    word = {"fraud": "login"}
    rules = [json.loads(one.change["rule"]["text"]) for one in new if one.kind == "rule"]
    assert all(rule["when"] == f'"{word.get(rule["action"], rule["action"])}" in words' for rule in rules)
    assert bool(rules) == (kind == "sorting")
    plain = json.loads(json.dumps([one.model_dump() for one in new], allow_nan=False))
    after = approval.next_snapshot(proposals.from_plain(plain), "all", Snapshot(), "ann")
    labels = [one["label"] for one in (*after.corrections, *after.outcomes)]
    assert {type(label) for label in labels} == {str if kind == "sorting" else float}
    assert Snapshot.model_validate_json(after.model_dump_json()) == after
