"""Labels are read by the type of the task, and what cannot be read is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from loopbook.data import labels
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import AnyTask, Task

SOURCE = CsvSource(kind="csv", path="rows.csv")


def task(label: dict[str, Any], kind: str = "multiclass", **more: Any) -> Task:
    said = {"type": kind, "fields": {"text": "text"}, "label": {"column": "said"} | label, **more}
    made: Task = TypeAdapter(AnyTask).validate_python(said)
    return made


def read(values: list[Any], label: dict[str, Any], kind: str = "multiclass") -> tuple[Any, list[int], Any]:
    """Return the labels, the positions of what was noted, and the weights."""
    noted: list[int] = []
    frame = pd.DataFrame({"said": pd.Series(values, dtype=object)})
    found, weight = labels.read(
        frame, task(label, kind), SOURCE, lambda bad, *_: noted.extend(np.flatnonzero(bad).tolist())
    )
    return found, sorted(set(noted)), weight


NAMES = {0: "open", 1: "shut", 2: "shut"}


@pytest.mark.parametrize(
    ("values", "label", "names", "classes"),
    [
        (["b", "a", "b"], {}, ["b", "a", "b"], ["a", "b"]),
        (["Late", "late", "LOST", "late"], {}, ["late", "late", "LOST", "late"], ["LOST", "late"]),
        (["10", "9", "2"], {}, ["10", "9", "2"], ["2", "9", "10"]),
        (["0", "2.0", 1, 1.0], {"values": NAMES}, ["open", "shut", "shut", "shut"], ["open", "shut"]),
        (["LATE", "x"], {"values": ["late", "lost"]}, ["late", "x"], ["late", "lost", "x"]),
        (["late", "x", "y"], {"values": ["late"], "other": "rest"}, ["late", "rest", "rest"], ["late", "rest"]),
        ([True, "False", "true"], {}, ["true", "False", "true"], ["False", "true"]),
        (["true", "no"], {"values": {True: "on it", "no": "not"}}, ["on it", "not"], ["on it", "not"]),
    ],
)
def test_classes_have_names_in_the_scenarios_order_and_then_in_their_natural_one(
    values: list[Any], label: dict[str, Any], names: list[str], classes: list[str]
) -> None:
    found, noted, weight = read(values, label)
    assert (list(found), list(found.categories), noted) == (names, classes, [])
    assert (weight == 1).all()


@pytest.mark.parametrize("missing", ["", "NA", None, float("nan")])
def test_a_row_without_a_class_is_said_and_is_no_class(missing: object) -> None:
    found, noted, _ = read(["a", missing, "b"], {"other": "rest", "values": ["a", "b"]})
    assert (list(found.codes), noted, list(found.categories)) == ([0, -1, 1], [1], ["a", "b", "rest"])


def test_the_yes_that_yaml_has_read_as_true_is_refused_and_true_itself_is_not() -> None:
    with pytest.raises(DataError, match='Put it in quotation marks: "yes"'):
        read(["yes", "no"], {"values": {True: "good"}})
    assert list(read(["yes", "no"], {"values": {"yes": "good"}})[0]) == ["good", "no"]


@pytest.mark.parametrize(("count", "fits"), [(500, True), (501, False)])
def test_too_many_different_values_are_no_classes(count: int, fits: bool) -> None:
    values = [f"v{number}" for number in range(count)]
    if fits:
        assert len(read(values, {})[0].categories) == count
    else:
        with pytest.raises(DataError, match=r"501 distinct values, such as 'v0', 'v1', 'v10'"):
            read(values, {})


def test_a_number_is_read_as_it_is_written_and_what_is_none_is_noted() -> None:
    found, noted, _ = read(["1.5", "-2e3", "many", ""], {"limits": [1]}, "number")
    np.testing.assert_equal(found[:2], [1.5, -2000.0])
    assert (found.dtype, noted) == (np.float64, [2, 3])


def test_yes_or_no_from_values_and_from_a_rating() -> None:
    found, noted, _ = read(["Yes", "no", ""], {"positive": ["yes"]}, "binary")
    assert (found.tolist(), found.dtype, noted) == ([1, 0, 0], np.int8, [2])
    found, _, weight = read(["1", "3", "5"], {"below": 3, "uncertain": 2}, "binary")
    assert (found.tolist(), weight.tolist()) == ([1, 0, 0], [1, 0, 1])


def test_further_outputs_are_missing_where_they_are_not_known() -> None:
    outputs = {"tone": {"column": "mood", "values": ["bad", "good"]}}
    frame = pd.DataFrame({"said": ["a", "b", "c"], "mood": ["Good", "", "so-so"]})
    found = labels.also(frame, task({}, also=outputs), SOURCE)
    assert list(found) == ["label_tone"]
    assert list(found["label_tone"].codes) == [1, -1, 2]
    assert list(found["label_tone"].categories) == ["bad", "good", "so-so"]


@pytest.mark.parametrize(
    ("like", "said", "wanted"),
    [
        (pd.Series([0, 1], dtype="int8"), [1, 0], [1.0, 0.0]),
        (pd.Series([0.5, 2.0]), [3, -1.5], [3.0, -1.5]),
        (pd.Series(pd.Categorical(["a", "b"])), ["b", "new"], ["b", None]),
        (pd.Series(pd.Categorical(["1", "2"])), [2, "1"], ["2", "1"]),
    ],
)
def test_approved_labels_take_the_form_of_the_column(like: pd.Series[Any], said: list[Any], wanted: list[Any]) -> None:
    found = labels.approved(said, like)
    assert found.astype(object).where(found.notna(), None).tolist() == wanted


def test_one_class_only_is_refused_with_what_the_column_holds() -> None:
    raw = pd.Series(["late", "late"])
    with pytest.raises(DataError, match=r"All 2 rows have one class, 'late': said has the values 'late' \(2\)\.$"):
        labels.refuse_one_class(pd.Series(pd.Categorical(raw)), raw, task({}), SOURCE)


@pytest.mark.parametrize("name", ["row_id", "review"])
@pytest.mark.parametrize("how", ["data", "values", "other"])
def test_no_class_can_be_called_as_the_names_of_rows_or_asking_a_person(name: str, how: str) -> None:
    label: dict[str, Any] = {"data": {}, "values": {"values": {"a": name}}, "other": {"values": ["b"], "other": name}}[
        how
    ]
    with pytest.raises(DataError, match=rf"a class called {name}.*call it otherwise"):
        read(["a", "b", name if how == "data" else "c"], label)


def test_a_class_may_be_called_review_where_actions_have_names_of_their_own() -> None:
    frame = pd.DataFrame({"said": ["review", "buy", "ask"]})
    found, _ = labels.read(frame, task({}, actions=["wait", "send"]), SOURCE, lambda *_: None)
    assert list(found) == ["review", "buy", "ask"]


@pytest.mark.parametrize("name", ["answer", "probability", "label", "cost", "text", "tone_probability", "two words"])
def test_no_further_output_can_be_called_as_a_column_of_rows_answers_or_the_log(name: str) -> None:
    with pytest.raises(ValueError, match="a further output needs a name of its own"):
        task({}, also={"tone": {"column": "mood"}, name: {"column": "more"}})
