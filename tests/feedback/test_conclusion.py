"""A round's conclusion holds what users, outcomes and the gate give reason for, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from loopbook.feedback import conclusion, corrections, trust, user_experience
from loopbook.feedback.challenger import Comparison
from loopbook.feedback.gate import Verdict
from loopbook.scenario.contract import Scenario

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


def test_without_a_file_the_answers_stay_as_they_are(decisions: pd.DataFrame, scenario: Scenario) -> None:
    answers = corrections.table([{"row_id": decisions["row_id"][0], "user": "ann", "label": 1}])
    same, broken = corrections.with_file(answers, None, decisions, scenario, pd.Timestamp("2026-03-01").date())
    pd.testing.assert_frame_equal(same, answers)
    assert broken.empty
