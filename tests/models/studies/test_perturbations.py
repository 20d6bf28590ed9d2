"""Perturbations change what they say, nothing else, and the same each time; what they flip is counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.conftest import Problem
from tests.models.studies.test_behaviour import Says

from loopbook.models.studies import perturbations
from loopbook.models.studies.perturbations import JITTER, MISSING, TEXTS, perturbed, robustness

WORDS = st.lists(st.text("abcdefgABC'é", min_size=1, max_size=9), min_size=1, max_size=12).map(" ".join)


@given(WORDS, st.integers(0, 99))
def test_a_typo_turns_two_letters_inside_a_word(text: str, seed: int) -> None:
    changed = perturbations.typos(text, np.random.default_rng(seed), 1.0)
    for before, after in zip(text.split(), changed.split(), strict=True):
        assert sorted(before) == sorted(after)
        assert (before[0], before[-1]) == (after[0], after[-1])
        assert sum(one != other for one, other in zip(before, after, strict=True)) in (0, 2)


@given(WORDS, st.integers(0, 99), st.sampled_from([0.1, 0.5, 1.0]))
def test_missing_words_leave_the_others_in_their_order_and_at_least_one(text: str, seed: int, share: float) -> None:
    words = iter(text.split())
    left = perturbations.missing_words(text, np.random.default_rng(seed), share).split()
    assert left and all(word in words for word in left)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("Well, done!", "Well done"), ("@a #b don't - stop?", "@a #b don't  stop"), ("„So“…", "So"), ("", "")],
)
def test_punctuation_goes_but_for_handles_tags_and_apostrophes(text: str, plain: str) -> None:
    assert perturbations.no_punctuation(text, np.random.default_rng(0), 0.1) == plain


def test_every_field_is_perturbed_by_what_is_for_it_and_the_rows_stay_as_they_are(mixed: Problem) -> None:
    rows = mixed.validation.assign(text=mixed.validation["text"] + " WORDS.")
    kept = rows.copy(deep=True)
    found = perturbed(rows, mixed.task, words=0.2, jitter=0.05, seed=3)
    assert list(found) == [*TEXTS, JITTER, MISSING]
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
