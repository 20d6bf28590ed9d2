"""Coverage counts what train does not know, by hand."""

import pandas as pd
import pytest

from loopbook.data.coverage import coverage
from loopbook.data.features import Category, Features, Number

TEXT = Features(texts=("t",), vocabulary=("a", "b"), length=2, numbers=(), categories=())
TABLE = Features(
    texts=(),
    vocabulary=(),
    length=4,
    numbers=(Number(field="x", shift=0, scale=1, fill=0, flag=True),),
    categories=(Category(field="c", levels=("red", "blue")),),
)


def test_unknown_tokens_and_cut_texts_are_counted() -> None:
    found = coverage(TEXT, {"train": pd.DataFrame({"t": ["a b", "a b a", "a z"]})})
    assert found.loc["train", "median tokens"] == 2
    assert found.loc["train", "cut"] == pytest.approx(100 / 3)
    assert found.loc["train", "unknown"] == pytest.approx(100 / 6)


def test_missing_values_and_unknown_categories_are_counted() -> None:
    train = pd.DataFrame({"x": [0.0, 2.0], "c": ["red", "red"]})
    found = coverage(TABLE, {"train": train, "stream": pd.DataFrame({"x": [1.0, None], "c": ["red", "green"]})})
    assert found.loc["stream"].to_dict() == {"missing": 50, "outside": 0, "unknown": 50}


def test_numbers_outside_the_range_of_train_are_counted() -> None:
    train = pd.DataFrame({"x": [0.0, 2.0], "c": ["red", "red"]})
    found = coverage(TABLE, {"train": train, "test": train.assign(x=[2.0, 2.1])})
    assert found["outside"].to_dict() == {"train": 0, "test": 50}
