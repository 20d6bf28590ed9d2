"""What users say by segment, and which terms tell their comments apart."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy.stats import fisher_exact
from tests.feedback.conftest import estimated_log, of_task, sorted_log

from loopbook.feedback import complaint, corrections, user_experience, users
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError
from loopbook.scenario.feedback import FeedbackSettings


def opinions(decisions: pd.DataFrame, labels: list[int], scenario: Scenario, **more: list[str]) -> pd.DataFrame:
    answers = corrections.table(
        [
            {"row_id": row, "user": f"u{at % 7}", "label": label, **{name: values[at] for name, values in more.items()}}
            for at, (row, label) in enumerate(zip(decisions["row_id"], labels, strict=True))
        ]
    )
    return user_experience.opinions(answers, decisions, scenario)


def test_kinds_follow_from_label_and_action(decisions: pd.DataFrame, scenario: Scenario) -> None:
    log = decisions.head(4).assign(action=["act", "act", "leave", "leave"])
    said = opinions(log, [1, 0, 1, 0], scenario)
    assert said["kind"].tolist() == ["right", "false alarm", "missed", "right"]
    assert said["wrong"].tolist() == [False, True, True, False]


def test_of_several_classes_the_user_names_the_class_whose_action_would_have_been_right(sorting: Scenario) -> None:
    log = sorted_log(60).assign(action=["fraud"] * 40 + ["review"] * 20, place=["north"] * 30 + ["south"] * 30)
    labels = ["fraud"] * 10 + ["praise"] * 15 + ["billing"] * 15 + ["billing"] * 20
    answers = corrections.table(
        [{"row_id": row, "user": "ann", "label": label} for row, label in zip(log["row_id"], labels, strict=True)],
        log["label"].dtype,
    )
    said = user_experience.opinions(answers, log, sorting)
    assert said["kind"].value_counts().to_dict() == {"right": 30, "wrong": 30}  # a case that waits is not yet wrong
    table = user_experience.by_segment(said, ["place"]).set_index("segment")
    assert table.loc["place “north”", ["wrong", "how"]].tolist() == [20 / 30, "praise 15, billing 5"]


def test_where_an_action_serves_several_classes_only_a_dearer_one_is_wrong() -> None:
    cost = {"phone": {"fraud": 0, "others": 3}, "mail": {"fraud": 9, "others": 1}}
    task = {"type": "multiclass", "label": {"column": "t"}, "actions": ["phone", "mail"]}
    serving = of_task(task, decisions={"costs": {"matrix": cost}})
    log = sorted_log(4).assign(action=["mail", "mail", "mail", "phone"])
    label = pd.Series(["fraud", "praise", "billing", "billing"], dtype=log["label"].dtype)
    assert complaint.kinds(log, label, serving).tolist() == ["wrong", "right", "right", "wrong"]


def test_of_a_number_an_action_is_wrong_on_the_other_side_of_the_limit(estimating: Scenario) -> None:
    log = estimated_log(4).assign(action=["queue", "queue", "hurry", "hurry"])
    kinds = complaint.kinds(log, pd.Series([10.0, 40.0, 10.0, 40.0]), estimating)
    assert kinds.tolist() == ["right", "missed", "false alarm", "right"]


def test_malicious_users_and_answers_without_a_label_are_left_out(decisions: pd.DataFrame, scenario: Scenario) -> None:
    answers = corrections.table(
        [
            {"row_id": "r00001", "user": "eve", "label": 1},
            {"row_id": "r00001", "user": "ann"},
            {"row_id": "r00002", "user": "bob", "label": 0},
        ]
    )
    said = user_experience.opinions(answers, decisions, scenario, malicious=("eve",))
    assert said["user"].tolist() == ["bob"]


def test_shares_of_a_segment_are_counted_against_all_others(decisions: pd.DataFrame, scenario: Scenario) -> None:
    log = decisions.head(120).assign(
        action="act", place=["north"] * 40 + ["south|east"] * 40 + ["rare"] * 5 + [""] * 35
    )
    wrong = [1] * 30 + [0] * 10 + [0] * 8 + [1] * 72  # label 0 means: it was a false alarm
    table = user_experience.by_segment(opinions(log, [1 - one for one in wrong], scenario), ["place"]).set_index(
        "segment"
    )
    assert set(table.index) == {"place “north”", "place “south”", "place “east”"}  # five answers are too few to name
    row = table.loc["place “north”"]
    assert (row["answers"], row["wrong"], row["how"]) == (40, 0.75, "false alarm 30")
    assert row["elsewhere"] == pytest.approx(72 / 80)
    p = sorted(fisher_exact([[bad, 40 - bad], [102 - bad, 80 - 102 + bad]])[1] for bad in (30, 32, 32))
    assert row["p"] == pytest.approx(min(3 * p[0], 3 * p[1] / 2, p[2]))
    with pytest.raises(DataError, match="Did you mean 'place'"):
        user_experience.by_segment(opinions(log, wrong, scenario), ["plac"])


def test_no_columns_and_no_answers_give_an_empty_table(decisions: pd.DataFrame, scenario: Scenario) -> None:
    nobody = user_experience.opinions(corrections.table([]), decisions, scenario)
    assert user_experience.by_segment(nobody, ["place"]).empty
    assert user_experience.by_segment(nobody, []).empty
    assert user_experience.about(nobody).empty


def test_terms_that_one_side_uses_more_are_telling() -> None:
    one = ["They mean it as irony", "Plain irony again", "irony, I say", "fine work"] * 3
    other = ["fine work as ever", "good work", "they did good work again"] * 5
    found = user_experience.telling(one, other)
    assert found["term"].iloc[0] == "irony"
    assert found["texts"].iloc[0] == 9
    assert found["others"].iloc[0] == 0
    assert "work" not in set(found["term"])
    assert "they" not in set(found["term"])


def test_a_term_counts_once_a_text() -> None:
    loud = ["spam " * 50, "hello there"] + ["nothing new"] * 10
    assert "spam" not in set(user_experience.telling(loud, ["nothing new"] * 10)["term"])


def test_the_same_texts_have_nothing_telling() -> None:
    texts = ["late again", "wrong company", "good catch"] * 10
    assert user_experience.telling(texts, texts).empty
    assert user_experience.telling([], texts).empty


def test_two_words_that_come_together_are_one_term() -> None:
    found = user_experience.telling(["another false alarm"] * 5 + ["hm"] * 5, ["good catch"] * 10)
    assert found["term"].iloc[0] in ("false alarm", "another false")
    assert len(found) <= 2


def test_comments_of_simulated_users_tell_the_kinds_apart(
    decisions: pd.DataFrame, truth: dict[str, int], scenario: Scenario
) -> None:
    answers = users.simulate(decisions, truth, scenario, FeedbackSettings(answer_rate=0.8))
    table = user_experience.about(user_experience.opinions(answers, decisions, scenario))
    terms = table.groupby("kind")["term"].agg(set)
    assert "false alarm" in terms["false alarm"]
    assert terms["missed"] & {"missed", "overlooked", "mattered", "told"}
    assert (table["z"] >= 1.96).all()
    for row in table.itertuples():
        assert all(word in str(row.example).lower() for word in str(row.term).split())
