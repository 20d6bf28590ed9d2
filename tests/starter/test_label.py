"""The label is the column that names, values and place speak for; every choice says why, and who was close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from loopbook.scenario.errors import DataError
from loopbook.starter import label
from tests.starter.conftest import columns

TEXT = [f"the {number}th parcel came late and wet" for number in range(100)]
HALF = [0, 1] * 50


@pytest.mark.parametrize(
    ("table", "column", "positive"),
    [
        ({"text": TEXT, "label": HALF, "flag": HALF}, "label", ("1",)),
        ({"text": TEXT, "is_spam": ["ja", "nein"] * 50}, "is_spam", ("ja",)),
        ({"text": TEXT, "zufrieden": ["gut"] * 78 + ["schlecht"] * 22}, "zufrieden", ("schlecht",)),
        ({"text": TEXT, "colour": ["red"] * 80 + ["blue"] * 20}, "colour", ("blue",)),
        ({"text": TEXT, "case": ["Yes", "YES", "yes", "no"] * 25}, "case", ("Yes",)),
        ({"text": TEXT, "priority": ["low", "mid", "urgent", "mid"] * 25}, "priority", ("urgent",)),
        ({"text": TEXT, "topic": ["a"] * 40 + ["b"] * 36 + ["c"] * 22 + ["d"] * 2}, "topic", ("c",)),
        ({"text": TEXT, "telephone": ["yes", "none"] * 50, "outcome": ["good", "bad"] * 50}, "outcome", ("bad",)),
        ({"text": TEXT, "sex": ["m", "f"] * 50, "churn": HALF}, "churn", ("1",)),
    ],
)
def test_column_and_meaning(table: Mapping[str, Sequence[object]], column: str, positive: tuple[str, ...]) -> None:
    found = label.guess(columns(table), None, "x.csv")
    assert (found.column.name, found.positive, found.below) == (column, positive, None)
    assert found.truth.sum() == sum(str(value).casefold() == positive[0].casefold() for value in table[column])


@pytest.mark.parametrize(
    ("values", "below"),
    [([1, 2, 3, 4, 5] * 20, 3.0), ([-4, -1, 0.5, 3] * 25, 0.0), ([number / 10 for number in range(100)], 4.95)],
)
def test_a_rating_is_parted_in_the_middle_of_its_scale(values: list[float], below: float) -> None:
    found = label.guess(columns({"text": TEXT, "rating": values}), None, "x.csv")
    assert (found.below, found.positive) == (below, ())
    np.testing.assert_array_equal(found.truth, np.array(values) < below)
    assert "please check" in found.meaning


def test_two_values_give_their_shares_and_which_is_taken() -> None:
    found = label.guess(columns({"text": TEXT, "colour": ["red"] * 78 + ["blue"] * 22}), None, "x.csv")
    assert found.meaning == "2 values: 'red' 78%, 'blue' 22%; the rarer one is taken as yes: please check"
    assert found.names == ("red", "blue")


def test_rivals_are_named_with_what_is_in_them() -> None:
    found = label.guess(columns({"text": TEXT, "won": HALF, "paid": ["yes", "no"] * 50}), None, "x.csv")
    assert [name for name, _ in found.rivals] == ["won"]
    assert found.sure < 0.8


def test_a_label_that_is_given_is_taken_whatever_speaks_against_it() -> None:
    found = label.guess(columns({"label": HALF, "size": list(range(100)), "text": TEXT}), "size", "x.csv")
    assert (found.column.name, found.below) == ("size", 49.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [("lable", "Did you mean 'label'"), ("text", "100 different values"), ("same", "1 different values")],
)
def test_a_given_label_that_cannot_be_one_is_refused(given: str, message: str) -> None:
    table = columns({"label": HALF, "text": TEXT, "same": ["x"] * 100})
    with pytest.raises(DataError, match=message):
        label.guess(table, given, "x.csv")


def test_a_table_without_a_plausible_label_is_refused_with_the_remedy() -> None:
    table = columns({"text": TEXT, "size": list(range(100)), "weight": [number / 3 for number in range(100)]})
    with pytest.raises(DataError, match=r"no column looks like a label.*--label COLUMN"):
        label.guess(table, None, "x.csv")


@pytest.mark.parametrize(
    ("values", "yes"),
    [
        ([f"intent_{n}" for n in range(12)] + ["card_lost", "payment_failed"], "card_lost"),
        ([f"topic {n}" for n in range(70)] + ["fraud report", "account blocked", "payment declined"], "fraud report"),
        ([f"queue-{n}" for n in range(20)] + ["system failure", "broken part"], "system failure"),
        ([f"kind {n}" for n in range(11)] + ["complaint", "late complaint"], "complaint"),
    ],
)
def test_of_many_values_one_is_yes_with_its_reason(values: list[str], yes: str) -> None:
    count = dict.fromkeys(values, 30) | {yes: 45}
    table = {"category": [value for value, rows in count.items() for _ in range(rows)]}
    found = label.guess(columns(table), None, "x.csv")
    assert found.positive == (yes,)
    assert "sounds like trouble" in found.meaning
    assert "begin with one value" in found.meaning
    assert found.names[1] == yes
