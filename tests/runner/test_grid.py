"""A grid is read as it is meant: known answers, and every list of values that can be written comes back."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.runner import grid
from loopbook.scenario.errors import ScenarioError


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("training.seed=1:5", {"training.seed": (1, 2, 3, 4, 5)}),
        ("a.b=0:100:25", {"a.b": (0, 25, 50, 75, 100)}),
        ("a.b=0:9:4", {"a.b": (0, 4, 8)}),
        ("a.b=3:1:-1", {"a.b": (3, 2, 1)}),
        ("a.b=-2:0", {"a.b": (-2, -1, 0)}),
        ("a.b=1:3,10", {"a.b": (1, 2, 3, 10)}),
        ("a.b=cnn,lstm  c.d=0.1,1e-3", {"a.b": ("cnn", "lstm"), "c.d": (0.1, 0.001)}),
        ("a.b=true,null,'true','1:3'", {"a.b": (True, None, "true", "1:3")}),
        ("a.b='x, y',\"it's\",he's", {"a.b": ("x, y", "it's", "he's")}),
        ("a.b='it''s',\"say \\\"a, b\\\"\"", {"a.b": ("it's", 'say "a, b"')}),
        ("a.b=[cnn, lstm],[mlp]", {"a.b": (["cnn", "lstm"], ["mlp"])}),
        ("a.b={c: 1, d: [2, 3]},{}", {"a.b": ({"c": 1, "d": [2, 3]}, {})}),
    ],
)
def test_known_answers(text: str, axes: dict[str, tuple[object, ...]]) -> None:
    assert grid.parse(text) == axes


def test_the_last_parameter_varies_fastest() -> None:
    assert grid.points(grid.parse("a.b=x,y c.d=1:2")) == [
        {"a.b": "x", "c.d": 1},
        {"a.b": "x", "c.d": 2},
        {"a.b": "y", "c.d": 1},
        {"a.b": "y", "c.d": 2},
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("  ", "is empty"),
        ("seed=1:5", "not of the form"),
        ("a.=1", "not of the form"),
        ("a.b", "not of the form"),
        ("a.b=", "empty value"),
        ("a.b=1,,2", "empty value"),
        ("a.b=1 a.b=2", "stands twice"),
        ("a.b=1,2,1", "value 1 twice"),
        ("a.b=1:3,2", "value 2 twice"),
        ("a.b=5:1", "Write 1:5, or 5:1:-1"),
        ("a.b=1:5:0", "steps of 0"),
        ("a.b='x", "quotation mark is not closed"),
        ("a.b=[1,2", "bracket is not closed"),
        ("a.b=[1}]", "not YAML"),
        ("a.b=*x", "not YAML"),
        ("a.b=1:999999999999", "more than 10,000"),
        ("a.b=1:200 c.d=1:200", "40,000 points"),
    ],
)
def test_what_is_not_a_grid_is_refused(text: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told.replace("(", r"\(")) as refused:
        grid.parse(text)
    assert "GRID" in str(refused.value)


texts = st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_characters="\x7f\x85"), max_size=12)
plain = st.recursive(
    st.integers(-(10**9), 10**9) | st.booleans() | st.none() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts.filter(bool), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(plain, min_size=1, max_size=4, unique_by=repr), st.integers(1, 3))
def test_whatever_is_written_as_json_comes_back(values: list[object], count: int) -> None:
    written = ",".join(json.dumps(value) for value in values)
    text = " ".join(f"section.name{number}={written}" for number in range(count))
    assert grid.parse(text) == {f"section.name{number}": tuple(values) for number in range(count)}


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool))
def test_a_range_holds_both_ends_where_its_steps_meet_them(first: int, last: int, step: int) -> None:
    if (last - first) * step < 0:
        with pytest.raises(ScenarioError):
            grid.parse(f"a.b={first}:{last}:{step}")
        return
    values = grid.parse(f"a.b={first}:{last}:{step}")["a.b"]
    assert values[0] == first
    assert (values[-1] == last) == ((last - first) % step == 0)
    assert all(after - before == step for before, after in itertools.pairwise(values))


@given(texts)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        axes = grid.parse(text)
    except ScenarioError as refused:
        assert "GRID" in str(refused)
    else:
        assert all(axes.values())
