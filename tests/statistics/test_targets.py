"""Labels as codes and as numbers, answers as one column a class: what every type of task is carried by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from loopbook.scenario.errors import DataError
from loopbook.scenario.task import AnyTask, Task
from loopbook.statistics import targets

COMMON = {"fields": {"text": "text"}}
TASKS = {
    "binary": {"label": {"column": "c", "positive": ["y"], "names": ["calm", "alarm"]}},
    "multiclass": {"type": "multiclass", "label": {"column": "c"}},
    "number": {"type": "number", "label": {"column": "c", "limits": [10.0, 20.0], "unit": "min"}},
}
LABELS = {
    "binary": pd.Series([0, 1, 0], dtype="int8"),
    "multiclass": pd.Series(pd.Categorical(["b", None, "a"], categories=["a", "b", "never"])),
    "number": pd.Series([10.0, 10.5, np.nan, 99.0]),
}


def task(kind: str) -> Task:
    return TypeAdapter(AnyTask).validate_python(COMMON | TASKS[kind])


@pytest.mark.parametrize(
    ("kind", "codes", "classes"),
    [
        ("binary", [0, 1, 0], ("calm", "alarm")),
        ("multiclass", [1, -1, 0], ("a", "b", "never")),
        ("number", [0, 1, -1, 2], ("up to 10 min", "10 to 20 min", "above 20 min")),
    ],
)
def test_every_label_has_codes_of_its_classes(kind: str, codes: list, classes: tuple) -> None:
    found = targets.codes(LABELS[kind], task(kind))
    assert found.dtype == np.int64 and found.tolist() == codes
    assert targets.classes(LABELS[kind], task(kind)) == classes


def test_metrics_take_codes_and_numbers_and_no_missing_class() -> None:
    assert targets.numbers(LABELS["binary"]).tolist() == [0, 1, 0]
    assert targets.numbers(LABELS["multiclass"].dropna()).tolist() == [1, 0]
    assert targets.numbers([1.5, 2]).tolist() == [1.5, 2]
    with pytest.raises(DataError, match="1 of 3 rows have no label"):
        targets.numbers(LABELS["multiclass"])


def test_the_forms_of_two_classes_are_one_answer() -> None:
    yes = np.array([0.2, 0.9])
    both = targets.by_class(yes)
    assert both == pytest.approx(np.array([[0.8, 0.2], [0.1, 0.9]]))
    for form in (yes, both):
        assert targets.of_yes(form).tolist() == targets.narrow(form).tolist() == [0.2, 0.9]
        assert targets.by_class(form) == pytest.approx(both)
    three = np.full((2, 3), 1 / 3)
    assert targets.narrow(three).shape == (2, 3)
    with pytest.raises(DataError, match="3 classes"):
        targets.of_yes(three)


def test_a_class_that_is_not_known_has_no_probability() -> None:
    found = targets.aligned(np.array([[0.7, 0.3]]), ("b", "a"), ("a", "new", "b"))
    assert found.tolist() == [[0.3, 0, 0.7]]
