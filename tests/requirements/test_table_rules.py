from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.requirements.table_rules import Rule
from loopbook.scenario.errors import ScenarioError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("> 3.5", [False, False, True, False]),
        (">=3.5", [False, True, True, False]),
        ("< 3.5", [True, False, False, False]),
        ("<= 3.5", [True, True, False, False]),
        (" == 3.5 ", [False, True, False, False]),
        ("!= 3.5", [True, False, True, False]),
        ("> -1e3", [True, True, True, False]),
    ],
)
def test_numbers_are_compared_and_missing_ones_fulfil_nothing(text: str, expected: list[bool]) -> None:
    assert Rule.parse("x", text, "number").holds(pd.Series([1.0, 3.5, 9.0, np.nan])).tolist() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("== red", [True, False, False, False]),
        ("== 'light blue'", [False, True, False, False]),
        ("!= red", [False, True, False, False]),
    ],
)
def test_categories_are_compared_and_missing_ones_fulfil_nothing(text: str, expected: list[bool]) -> None:
    assert Rule.parse("colour", text, "category").holds(pd.Series(["red", "light blue", "", None])).tolist() == expected


def test_numbers_that_came_as_text_are_compared_as_numbers() -> None:
    assert Rule.parse("x", "> 9", "number").holds(pd.Series(["10", "8", "many"])).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("3.5", "number", "should be a comparison and a value"),
        ("=> 3", "number", "should be a comparison and a value"),
        (">", "number", "should be a comparison and a value"),
        ("> many", "number", "'many' is not"),
        ("> nan", "number", "'nan' is not"),
        ("> __import__('os').system('x')", "number", "is a number and"),
        ("== 1 or True", "number", "is a number and"),
        ("> red", "category", "only == and != make sense"),
        ("", "category", "should be a comparison and a value"),
    ],
)
def test_what_is_no_comparison_is_refused_and_never_executed(text: str, kind: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=r"requirements\.rules\.x is") as caught:
        Rule.parse("x", text, kind)
    assert message in str(caught.value)


def test_a_rule_says_itself() -> None:
    assert str(Rule.parse("x", ">3.50", "number")) == "x > 3.5"
    assert str(Rule.parse("c", "== 'a b'", "category")) == "c == 'a b'"
