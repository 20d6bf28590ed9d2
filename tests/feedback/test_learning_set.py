"""What a challenger learns from never meets what it is judged by."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.feedback.conftest import estimated_log, sorted_log

from loopbook.feedback import learning_set
from loopbook.feedback.trust import Trust
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError

CANONICAL = ["row_id", "time", "group", "label", "weight", "text"]


@pytest.fixture(scope="module")
def sides(decide: Callable[..., pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = decide(300)[CANONICAL].assign(label=lambda frame: frame["label"].astype("int8"))
    return rows.head(100).reset_index(drop=True), rows.tail(200).reset_index(drop=True)


def labels(rows: dict[str, tuple[int, float, bool]]) -> Trust:
    said = pd.DataFrame(
        [{"row_id": row, "label": y, "confidence": sure, "accepted": ok} for row, (y, sure, ok) in rows.items()],
        columns=["row_id", "label", "confidence", "accepted"],
    )
    return Trust(pd.DataFrame(), said)


def test_labels_of_users_go_before_outcomes_and_weigh_what_they_are_worth(
    sides: tuple[pd.DataFrame, pd.DataFrame], scenario: Scenario
) -> None:
    train, stream = sides
    said = labels({"r00150": (1, 0.95, True), "r00151": (0, 0.99, False), "r00152": (0, 0.92, True)})
    found = learning_set.build(train, stream, said, {"r00150": 0, "r00151": 1}, scenario.task, held_back=0)
    added = found.train.iloc[100:].set_index("row_id")
    assert added["label"].to_dict() == {"r00150": 1, "r00151": 1, "r00152": 0}
    assert added["weight"].tolist() == pytest.approx([0.9, 1.0, 0.84])
    assert found.train["label"].dtype == "int8"
    assert found.train["weight"].dtype == "float32"
    pd.testing.assert_frame_equal(found.train.head(100), train)
    assert found.added.set_index("from")["rows"].to_dict() == {"users": 2, "outcomes": 1}


def test_rows_to_judge_by_have_outcomes_and_no_opinion_counts(
    sides: tuple[pd.DataFrame, pd.DataFrame], scenario: Scenario
) -> None:
    train, stream = sides
    flipped = {row: 1 - int(y) for row, y in zip(stream["row_id"], stream["label"], strict=True)}
    said = labels({row: (label, 0.99, True) for row, label in flipped.items()})
    known = {row: 1 - label for row, label in list(flipped.items())[:150]}
    found = learning_set.build(train, stream, said, known, scenario.task, held_back=0.5)
    assert set(found.recent["row_id"]) <= set(known)
    assert found.recent["label"].tolist() == [known[row] for row in found.recent["row_id"]]


@settings(max_examples=30, deadline=None)
@given(held_back=st.floats(0, 1), seed=st.integers(0, 99), every=st.integers(1, 5))
def test_no_group_is_on_both_sides(
    sides: tuple[pd.DataFrame, pd.DataFrame], scenario: Scenario, held_back: float, seed: int, every: int
) -> None:
    train, stream = sides
    known = dict.fromkeys(stream["row_id"][::every], 1)
    found = learning_set.build(train, stream, labels({}), known, scenario.task, held_back=held_back, seed=seed)
    learned = found.train.iloc[len(train) :]
    assert not set(learned["group"]) & set(found.recent["group"])
    assert len(learned) + len(found.recent) == len(known)


def test_nothing_known_adds_nothing(sides: tuple[pd.DataFrame, pd.DataFrame], scenario: Scenario) -> None:
    train, stream = sides
    found = learning_set.build(train, stream, labels({}), {}, scenario.task)
    pd.testing.assert_frame_equal(found.train, train)
    assert found.recent.empty


def test_a_row_in_train_and_stream_is_refused(sides: tuple[pd.DataFrame, pd.DataFrame], scenario: Scenario) -> None:
    train, stream = sides
    with pytest.raises(DataError, match="1 rows are in train and in stream"):
        learning_set.build(train, pd.concat([stream, train.tail(1)]), labels({}), {}, scenario.task)


@pytest.mark.parametrize("kind", ["sorting", "estimating"])
def test_labels_of_any_type_join_train_in_its_own_type(kind: str, request: pytest.FixtureRequest) -> None:
    task = request.getfixturevalue(kind).task
    rows = (sorted_log if kind == "sorting" else estimated_log)(300)[CANONICAL]
    train, stream = rows.head(100).reset_index(drop=True), rows.tail(200).reset_index(drop=True)
    right, other = ("fraud", "praise") if kind == "sorting" else (12.5, 40.0)
    accepted = [("r00150", right, 0.95, True), ("r00151", other, 0.99, False)]
    said = pd.DataFrame(accepted, columns=["row_id", "label", "confidence", "accepted"])
    said["label"] = said["label"].astype(stream["label"].dtype)
    outcomes = dict.fromkeys(stream["row_id"][2:], other)
    found = learning_set.build(train, stream, Trust(pd.DataFrame(), said), {**outcomes, "r00150": other}, task)
    added = found.train.iloc[100:].set_index("row_id")["label"]
    assert found.train["label"].dtype == found.recent["label"].dtype == train["label"].dtype
    assert added.get("r00150", right) == right
    assert set(added[added.index != "r00150"]) == set(found.recent["label"]) == {other}
    assert (
        found.added.set_index("from")
        .loc["outcomes", "labels"]
        .startswith("praise" if kind == "sorting" else "above 30")
    )
