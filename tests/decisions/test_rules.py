from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loopbook.decisions import language, rules
from loopbook.scenario.decisions import Rule
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.task import Binary, YesNo


def holds(task: Binary, when: str, frame: pd.DataFrame, p: list[float] | None = None) -> list[bool]:
    rule = Rule(when=when, action="alert", position="before" if p is None else "after")
    (read,) = rules.read({"one": rule}, task)
    return read.holds(frame, p).tolist()


@pytest.fixture
def three() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "text": ["Plant RECALLED: 300 hurt", "All calm", "a recall, they say"],
            "mean size": [1.5, np.nan, -2.0],
            "kind": ["a", "", "b"],
        }
    )


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("mean_size > 0", [True, False, False]),
        ("not (mean_size > 0)", [False, True, True]),
        ("mean_size_missing", [False, True, False]),
        ("mean_size_missing or mean_size < -1", [False, True, True]),
        ("1 / (mean_size + 2) > 100", [False, False, True]),  # division by zero is no error
        ("kind == 'a' or kind == \"b\"", [True, False, True]),
        ("kind in ['a', '']", [True, True, False]),
        ("kind_missing and not mean_size > 3", [False, True, False]),
        ('"recall" in words', [False, False, True]),
        ('"recall" in text.as_lower', [True, False, True]),
        ('"000" in words', [True, False, False]),
        ("text.length > 10", [True, False, True]),
        ("-mean_size * 2 >= 4", [False, False, True]),
    ],
)
def test_rules_hold_where_they_should(task: Binary, three: pd.DataFrame, when: str, expected: list[bool]) -> None:
    assert holds(task, when, three) == expected


def test_a_rule_after_the_model_sees_its_probability(task: Binary, three: pd.DataFrame) -> None:
    assert holds(task, "probability >= 0.1 and mean_size > 0", three, [0.1, 0.9, 0.9]) == [True, False, False]


HOSTILE = [
    ("9**9**9**9 > probability", "powers"),
    ("text =~ '(a+)+$'", "patterns"),
    ("text =~~ '(a+)+$'", "patterns"),
    ("text !~~ 'a'", "patterns"),
    ("$now > mean_size", "functions and the clock"),
    ("$random(10) > mean_size", "functions and the clock"),
    ("__import__('os').system('true')", "no functions"),
    ("text.__class__", "not offered"),
    ("text.encode == 'a'", "not offered"),
    ("text.split == 'a'", "not offered"),
    ("text[0] == 'a'", "no parts of values"),
    ("[kind for kind in words]", "not offered"),
    ("(words)(1)", "no functions"),
    ("kind == 'a' # and more", "by its name|rule in its name"),
    ("kind == 'a\\' or true'", "no escapes"),
    ("kind == r'a'", "neither a name nor a value"),
    ("kind == d'2020-01-01'", "neither a name nor a value"),
    ("mean_size > 0x10", "neither a name nor a value"),
    ("mean_size > inf", "not offered"),
    ("mean_size == null", "not offered"),
    ("mean_size = 3", "compare with =="),
    ("mean_size > 1 & kind == 'a'", "use and"),
    ("mean_size > 1 ? true : false", "not allowed"),
    ("{'a': 1}", "not allowed"),
    ("kind == 'a'; mean_size > 1", "not allowed"),
    ("mean_size > １", "not allowed"),
    ("(" * 30 + "mean_size" + ")" * 30 + " > 1", "brackets"),
    ("mean_size > 1 or " * 60 + "mean_size > 1", "characters"),
    ("", "empty"),
    ("   ", "empty"),
]


@pytest.mark.parametrize(("when", "told"), HOSTILE)
def test_what_is_outside_the_language_is_refused_before_anything_runs(task: Binary, when: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=rf"decisions\.rules\.one\.when.*({told})"):
        rules.read({"one": Rule(when=when, action="alert", position="after")}, task)


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("mean_sise > 1", "Did you mean 'mean_size'"),
        ("probability > 0.5", "set position: after"),
        ("kind > 3", "kinds of values do not fit"),
        ("kind == 3", "compares a text with a number"),
        ("kind > 'a'", "texts have no order"),
        ("words == 'fraud'", "compares words with a text"),
        ("3 in words", "a number among a text"),
        ("'Fraud' in words", '"fraud" in words'),
        ("'insider trading' in words", '"insider" in words and "trading" in words'),
        ("mean_size", "a value and not a condition"),
        ("kind and mean_size > 1", "join conditions"),
        ("not kind", "join conditions"),
        ("mean_size > 1 and", "breaks off"),
        ("mean_size > > 1", "no whole expression"),
        ("1 > 0", "looks at no field"),
        ("kind in ['a', 3]", "a text among different kinds"),
    ],
)
def test_what_could_not_be_meant_is_refused_with_the_remedy(task: Binary, when: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=r"decisions\.rules\.one\.when") as caught:
        rules.read({"one": Rule(when=when, action="alert")}, task)
    assert told in str(caught.value)


@given(st.text(alphabet="'\"()[]{}<>=!&|*/+-.,:;$#@ \\abkind0159 \n\t", max_size=40))
@example("kind in [[['a']]]")
@example("'a' in 'abc' in kind")
def test_any_text_is_either_a_rule_or_a_clear_error(text: str) -> None:
    label = YesNo(column="y", positive=(1,))
    task = Binary(fields={"kind": "category", "b": "number"}, label=label)
    frame = pd.DataFrame({"kind": ["a", ""], "b": [1.0, np.nan]})
    try:
        (read,) = rules.read({"one": Rule(when=text, action="alert", position="after")}, task)
    except ScenarioError as error:
        assert "decisions.rules.one.when" in str(error)
    else:
        assert read.holds(frame, [0.5, 0.5]).dtype == bool


def test_an_unknown_action_and_a_strange_name_are_refused(task: Binary) -> None:
    with pytest.raises(ScenarioError, match=r"one\.action is 'alarm'.*Did you mean 'alert'"):
        rules.read({"one": Rule(when="mean_size > 1", action="alarm")}, task)
    with pytest.raises(ScenarioError, match="name a rule"):
        rules.read({"<b>": Rule(when="mean_size > 1", action="alert")}, task)


def test_fields_of_any_name_have_a_symbol_of_their_own() -> None:
    fields = {"a b": "number", "a-b": "number", "in": "category", "1st": "number", "probability": "number"}
    task = Binary(fields=fields, label=YesNo(column="y", positive=(1,)))
    found = language.symbols(task)
    assert [symbol.fields for symbol in found.values() if symbol.kind == "number"] == [
        (),
        ("a b",),
        ("a-b",),
        ("1st",),
        ("probability",),
    ]
    assert {"a_b", "a_b_", "in_", "_1st", "probability", "probability_"} <= set(found)
    assert language.table(task)["name"].tolist() == list(found)


def test_approved_rules_replace_their_namesakes_and_must_be_rules() -> None:
    own = {"one": Rule(when="a > 1", action="alert"), "two": Rule(when="a > 2", action="alert")}
    approved = {"two": {"when": "a > 3", "action": "review"}, "three": '{"when": "a > 4", "action": "ignore"}'}
    merged = rules.merged(own, approved)
    assert [(name, rule.when) for name, rule in merged.items()] == [
        ("one", "a > 1"),
        ("two", "a > 3"),
        ("three", "a > 4"),
    ]
    with pytest.raises(ScenarioError, match="approved rule 'four'"):
        rules.merged(own, {"four": {"if": "a > 1"}})
