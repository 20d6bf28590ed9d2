"""Too fast, dependent, turned, alone: what is done against users who adapt."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.feedback.conftest import build, known

from loopbook.feedback import attackers, corrections, crowd_consensus, feedback_page, trust, turncoats, users, witnesses
from loopbook.scenario.contract import Scenario
from loopbook.scenario.feedback import Attack, FeedbackSettings

START = pd.Timestamp("2026-03-01 08:00", tz="UTC")


def said(answers: list[tuple[str, str, int]], minutes: float = 30) -> pd.DataFrame:
    """Return answers, one every so many minutes."""
    times = [START + pd.Timedelta(minutes=minutes * at) for at in range(len(answers))]
    rows = [
        {"row_id": row, "user": user, "label": label, "time": time}
        for (row, user, label), time in zip(answers, times, strict=True)
    ]
    return corrections.table(rows)


@pytest.fixture(scope="module")
def placed(scenario: Scenario) -> Scenario:
    """Return a scenario that watches a segment."""
    return scenario.model_copy(update={"monitoring": scenario.monitoring.model_copy(update={"segments": ("place",)})})


def lived(
    placed: Scenario, attack: Attack, seed: int, outcomes: bool = True
) -> tuple[trust.Trust, frozenset[str], float]:
    """Return what is found of attackers, who they are, and the share of wrong labels among those taken over."""
    log = build(2_000, seed)
    truth = known(log)
    settings = FeedbackSettings(answer_rate=0.5, users=20, malicious_rate=0.1, attack=attack, feedback_seed=seed)
    answers = users.simulate(log, truth, placed, settings)
    arrived = {row: label for row, label in truth.items() if row < "r01600"} if outcomes else {}
    found = trust.judge(answers, arrived, log, trust.Defence.of(placed, settings))
    taken = found.accepted
    return found, users.malicious(settings), float(np.mean([label != truth[row] for row, label in taken.items()]))


@pytest.mark.parametrize("attack", ["flip", "sleeper", "segment", "copier", "colluder", "flood", "adaptive"])
def test_whoever_adapts_turns_few_labels_and_nobody_honest_is_called_malicious(
    placed: Scenario, attack: Attack
) -> None:
    found, bad, wrong = lived(placed, attack, seed=3)
    assert set(found.malicious) <= bad
    assert wrong < 0.02


@pytest.mark.parametrize(
    ("attack", "where"), [("sleeper", "the last"), ("segment", "place"), ("copier", "nobody else")]
)
def test_who_is_right_on_the_whole_and_wrong_in_a_slice_is_found(placed: Scenario, attack: Attack, where: str) -> None:
    found, bad, _ = lived(placed, attack, seed=1)
    turned = found.users[found.users["turned"].str.contains(where)]
    assert len(turned) and set(turned["user"]) <= bad
    assert (turned["verdict"] == "malicious").all()
    assert where in feedback_page.defended(found, said([]), pd.DataFrame({"row_id": []}))


def test_answers_beyond_what_a_person_can_give_in_an_hour_do_not_count() -> None:
    fast = said([(f"r{at}", "bot", 1) for at in range(300)], minutes=0.1)
    slow = said([(f"r{at}", "ann", 1) for at in range(300)], minutes=2)
    hasty = witnesses.hasty(pd.concat([fast, slow], ignore_index=True), 120)
    assert (hasty[:300].sum(), hasty[300:].sum()) == (180, 0)
    untimed = fast.assign(time=pd.Series(pd.NaT, index=fast.index, dtype="datetime64[us, UTC]"))
    dated = fast.assign(time=fast["time"].dt.normalize())  # a file with days alone says nothing of haste
    assert not witnesses.hasty(untimed, 1).any()
    assert not witnesses.hasty(dated, 1).any()


def test_two_who_err_together_count_as_one_and_two_who_are_right_do_not() -> None:
    rows = [f"r{at:02d}" for at in range(40)]
    outcomes = {row: at % 2 for at, row in enumerate(rows)}
    right = {row: outcomes[row] for row in rows}
    arranged = {row: 1 - label if row < "r20" else label for row, label in right.items()}
    answers = said([(row, user, right[row]) for row in rows for user in ("ann", "bob")])
    answers = pd.concat([answers, said([(row, user, arranged[row]) for row in rows for user in ("eve", "fay")])])
    groups = witnesses.dependent(answers.reset_index(drop=True), outcomes)
    assert groups == {"eve": "eve", "fay": "eve"}
    assert witnesses.repeated(answers.reset_index(drop=True), groups).sum() == len(rows)


def test_on_one_word_alone_so_many_labels_count_as_outcomes_have_earned() -> None:
    checked = [(f"c{at}", "ann", at % 2) for at in range(10)]
    alone = [(f"n{at:03d}", "ann", at % 2) for at in range(100)]
    outcomes = {f"c{at}": at % 2 for at in range(10)}
    for most, expected in ((0, 0), (3, 28), (50, 100)):  # ten checks, each a little less than certain
        found = trust.judge(said([*checked, *alone]), outcomes, None, trust.Defence(alone=most))
        taken = [row for row in found.accepted if row.startswith("n")]
        assert len(taken) == pytest.approx(expected, abs=1)
        assert found.users["alone"].tolist() == [len(taken)]
        assert found.waiting == 100 - len(taken)


def test_a_check_leaves_out_the_answer_that_is_checked() -> None:
    answers = said([("r1", "ann", 1), ("r2", "ann", 1), ("r2", "bob", 0)])
    people = trust.judge(answers, {}).users
    checked = turncoats.checks(answers, people, {}).set_index(["row_id", "user"])["right"]
    assert list(checked.index) == [("r2", "ann"), ("r2", "bob")]  # nobody else speaks of r1
    assert (checked < 0.5).all()


def test_cleanlab_agrees_where_the_majority_is_right() -> None:
    log = build(300)
    truth = known(log)
    honest = [(row, user, int(label)) for row, label in truth.items() for user in ("ann", "bob")]
    answers = said([*honest, *((row, "eve", 1 - int(label)) for row, label in truth.items())], minutes=1)
    scores = pd.DataFrame({"row_id": log["row_id"], "calm": 1 - log["probability"], "grave": log["probability"]})
    found = crowd_consensus.estimate(answers, scores)
    assert found is not None
    assert (found.labels == pd.Series(truth)).mean() > 0.9  # the agent votes, too
    assert found.users.idxmin() == "eve"
    sentence = crowd_consensus.beside(answers, trust.judge(answers, truth), scores)
    assert "1 of the 1 who count as malicious here are among" in sentence


def test_behaviours_differ_where_users_adapt() -> None:
    doing = attackers.behaviours(["a", "b", "c"], "adaptive")
    assert len(set(doing.values())) == 3
    assert set(attackers.behaviours(["a", "b"], "sleeper").values()) == {"sleeper"}
