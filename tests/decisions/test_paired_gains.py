"""Paired comparisons: known answers, a second method, and symmetry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from loopbook.decisions import paired_gains
from loopbook.scenario.decisions import Costs

PRICES = Costs(false_positive=2, false_negative=6)  # act from 0.25


def test_gains_agree_with_a_second_method() -> None:
    random = np.random.default_rng(3)
    label = (random.random(400) < 0.4).astype(int)
    old, new = (
        np.clip(0.4 + strength * (label - 0.5) + random.normal(0, 0.2, 400), 0.01, 0.99) for strength in (0.2, 0.4)
    )
    rows = pd.DataFrame({"label": label, "group": np.arange(400) // 2})
    found = paired_gains.gains(rows, old, new, PRICES, resamples=300)
    auc, loss, cost = found[paired_gains.PRIMARY], found[paired_gains.LOSS], found[paired_gains.COST]
    assert auc.champion == pytest.approx(roc_auc_score(label, old))
    assert auc.gain == pytest.approx(roc_auc_score(label, new) - roc_auc_score(label, old))
    assert loss.gain == pytest.approx(log_loss(label, old) - log_loss(label, new))
    spent = [np.where(label == 1, 6.0 * (p < 0.25), 2.0 * (p >= 0.25)).mean() for p in (old, new)]
    assert (cost.champion, cost.challenger) == pytest.approx(spent)
    assert cost.gain == pytest.approx(spent[0] - spent[1])
    for one in found.values():
        assert one.low < one.gain < one.high


def test_no_rows_give_no_figures() -> None:
    rows = pd.DataFrame({"label": pd.Series([], dtype="int8"), "group": pd.Series([], dtype="str")})
    assert np.isnan(paired_gains.gains(rows, np.zeros(0), np.zeros(0), PRICES)[paired_gains.PRIMARY].gain)
    assert np.isnan(paired_gains.permutation([], [], []))


def test_equal_models_are_not_told_apart() -> None:
    label = np.arange(60) % 2
    score = np.linspace(0, 1, 60)
    assert paired_gains.permutation(label, score, score**3, draws=99) == 1.0  # same ranks on another scale


def test_the_test_rejects_what_is_different_and_keeps_its_level() -> None:
    random = np.random.default_rng(5)
    label = (random.random(300) < 0.5).astype(int)
    good, bad = label + random.normal(0, 1, 300), label + random.normal(0, 6, 300)
    assert paired_gains.permutation(label, good, bad, draws=199) == pytest.approx(1 / 200)
    rejected = 0
    for _ in range(60):
        y = (random.random(80) < 0.5).astype(int)
        both = [y + random.normal(0, 1, 80) for _ in range(2)]
        rejected += paired_gains.permutation(y, *both, draws=99) <= 0.1
    assert rejected <= 12  # six are expected; more than twelve come once in two hundred times


def test_all_of_one_class_says_nothing() -> None:
    assert np.isnan(paired_gains.permutation([1, 1], [0.1, 0.2], [0.2, 0.1]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=4, max_size=20))
def test_swapping_the_models_does_not_change_the_p_value(rows: list[tuple[int, float, float]]) -> None:
    label, a, b = (list(column) for column in zip(*rows, strict=True))
    one, other = (paired_gains.permutation(label, *both, draws=50) for both in ((a, b), (b, a)))
    assert one == other or (np.isnan(one) and np.isnan(other))
