from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from loopbook.statistics import scores

REFERENCE = {
    "accuracy": lambda y, p, w: reference.accuracy_score(y, p >= 0.5, sample_weight=w),
    "balanced_accuracy": lambda y, p, w: reference.balanced_accuracy_score(y, p >= 0.5, sample_weight=w),
    "precision": lambda y, p, w: reference.precision_score(y, p >= 0.5, sample_weight=w, zero_division=0),
    "recall": lambda y, p, w: reference.recall_score(y, p >= 0.5, sample_weight=w),
    "f1": lambda y, p, w: reference.f1_score(y, p >= 0.5, sample_weight=w),
    "roc_auc": lambda y, p, w: reference.roc_auc_score(y, p, sample_weight=w),
    "pr_auc": lambda y, p, w: reference.average_precision_score(y, p, sample_weight=w),
    "log_loss": lambda y, p, w: reference.log_loss(y, p, sample_weight=w),
    "brier": lambda y, p, w: reference.brier_score_loss(y, p, sample_weight=w),
}
ROW = st.tuples(st.integers(0, 1), st.integers(1, 19).map(lambda at: at / 20), st.integers(0, 4))


@given(st.lists(ROW, min_size=2, max_size=40))
def test_scores_equal_scikit_learns_for_every_weighting_and_with_ties(rows: list) -> None:
    y, p, w = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    if len(set(y[w > 0])) < 2:
        return
    weightings = np.stack([np.ones_like(w), w])
    used = w > 0
    for name, second in REFERENCE.items():
        found = scores.SCORES[name](y, p, 0.5, weightings)
        if len(set(y)) == 2:
            assert found[0] == pytest.approx(second(y, p, None), abs=1e-9), name
        assert found[1] == pytest.approx(second(y[used], p[used], w[used]), abs=1e-9), name


def test_the_calibration_error_by_hand() -> None:
    # Bins of 1/15: two rows at 0.9 (one right) miss by 0.4, two at 0.02 (none) by 0.02.
    y, p = np.array([1.0, 0, 0, 0]), np.array([0.9, 0.9, 0.02, 0.02])
    assert scores.ece(y, p, 0.5, np.ones((1, 4)))[0] == pytest.approx((2 * 0.4 + 2 * 0.02) / 4)


def test_one_class_has_no_area() -> None:
    assert np.isnan(scores.auc([1, 1], [0.1, 0.2]))


@given(st.floats(-1e6, 1e6))
def test_the_sigmoid_neither_overflows_nor_leaves_the_unit_interval(z: float) -> None:
    p = float(scores.sigmoid(z))
    assert 0 <= p <= 1
    assert p + float(scores.sigmoid(-z)) == pytest.approx(1)


@given(st.floats(-20, 20))
def test_the_logit_undoes_the_sigmoid(z: float) -> None:
    assert float(scores.logit_of(scores.sigmoid(z))) == pytest.approx(z, abs=1e-5)


def test_cross_entropy_of_logits_equals_that_of_probabilities() -> None:
    y, z, w = np.array([0, 1, 1]), np.array([-2.0, 0.3, 40.0]), np.array([1.0, 2.0, 0.5])
    expected = reference.log_loss(y, scores.sigmoid(z), sample_weight=w)
    assert scores.cross_entropy(y, z, w) == pytest.approx(expected, abs=1e-9)
