"""Perturbations change what they say, nothing else, and the same each time; what they flip is counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem
from tests.models.studies.test_behaviour import Says

from loopbook.models.studies import perturbations
from loopbook.models.studies.perturbations import JITTER, MISSING, perturbed, robustness


@pytest.mark.parametrize(
    ("text", "plain"),
    [("Well, done!", "Well done"), ("@a #b don't - stop?", "@a #b don't  stop"), ("„So“…", "So"), ("", "")],
)
def test_punctuation_goes_but_for_handles_tags_and_apostrophes(text: str, plain: str) -> None:
    assert perturbations.no_punctuation(text) == plain


def test_every_field_is_perturbed_by_what_is_for_it_and_the_rows_stay_as_they_are(mixed: Problem) -> None:
    rows = mixed.validation.assign(text=mixed.validation["text"] + " WORDS.")
    kept = rows.copy(deep=True)
    found = perturbed(rows, mixed.task, words=0.2, jitter=0.05, seed=3)
    assert list(found) == ["typos", "missing words", "lower case", "upper case", "no punctuation", JITTER, MISSING]
    lengths = found["missing words"]["text"].str.split().str.len() / rows["text"].str.split().str.len()
    assert lengths.mean() == pytest.approx(0.8, abs=0.06)
    swapped = (found["typos"]["text"] != rows["text"]).mean()
    assert 0.5 < swapped < 1
    pd.testing.assert_frame_equal(rows, kept)
    for name, other in perturbed(rows, mixed.task, words=0.2, jitter=0.05, seed=3).items():
        pd.testing.assert_frame_equal(found[name], other)
        assert not other.equals(rows)
    assert (found[JITTER]["size"] - rows["size"]).std() == pytest.approx(0.05 * rows["size"].std(), rel=0.3)
    assert found[JITTER]["text"].equals(rows["text"])
    assert found[MISSING][["size", "kind"]].isna().sum().tolist() == [16, 16]


def test_answers_that_flip_are_counted_among_the_rows_that_change(mixed: Problem) -> None:
    rows = mixed.validation.assign(text=["Loud"] * 30 + ["low"] * 50, label=np.int8([1] * 30 + [0] * 50))
    model = Says(lambda row: 0.9 if row["text"][0].isupper() else 0.1)
    model.features = mixed.features  # type: ignore[assignment]
    found = robustness(model, rows, perturbed(rows, mixed.task), mixed.task, 100)  # type: ignore[arg-type]
    table = found.table
    assert table.loc["lower case", ["rows", "changed"]].tolist() == [30, 1], "the other rows are in lower case already"
    assert table.loc["upper case", ["rows", "changed"]].tolist() == [80, 50 / 80]
    assert table.loc["upper case", "lost"] == pytest.approx(0.5), "from an area of 1 to one of a half"
    assert table.loc[JITTER, ["rows", "changed", "lost"]].tolist() == [80, 0, 0]
    assert table.loc["upper case", "changed_low"] < 50 / 80 < table.loc["upper case", "changed_high"]
    assert found.figures()["jitter_of_numbers_changed"] == 0
    assert "answer changes" in found.figure().alt
