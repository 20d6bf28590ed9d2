from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from loopbook.statistics import scores


@given(st.floats(-1e6, 1e6))
def test_the_sigmoid_neither_overflows_nor_leaves_the_unit_interval(z: float) -> None:
    p = float(scores.sigmoid(z))
    assert 0 <= p <= 1
    assert p + float(scores.sigmoid(-z)) == pytest.approx(1)


@given(st.floats(-20, 20))
def test_the_logit_undoes_the_sigmoid(z: float) -> None:
    assert float(scores.logit(scores.sigmoid(z))) == pytest.approx(z, abs=1e-5)


def test_cross_entropy_of_logits_equals_that_of_probabilities() -> None:
    y, z, w = np.array([0, 1, 1]), np.array([-2.0, 0.3, 40.0]), np.array([1.0, 2.0, 0.5])
    expected = reference.log_loss(y, scores.sigmoid(z), sample_weight=w)
    assert np.average(scores.cross_entropy(y, z), weights=w) == pytest.approx(expected, abs=1e-9)


def test_many_classes_have_probabilities_and_a_cross_entropy_of_codes_and_of_shares() -> None:
    z = np.array([[1000.0, 0, -1000], [0.3, -0.2, 0.1]])
    p = scores.probabilities(z)
    assert p[0].tolist() == [1, 0, 0] and p[1] == pytest.approx(np.exp(z[1]) / np.exp(z[1]).sum())
    y, w = np.array([0, 2]), np.array([1.0, 3.0])
    expected = reference.log_loss(y, p, sample_weight=w, labels=range(3))
    assert np.average(scores.cross_entropy(y, z), weights=w) == pytest.approx(expected)
    assert np.average(scores.cross_entropy(np.eye(3)[y], z), weights=w) == pytest.approx(expected)
    assert scores.cross_entropy([[0.5, 0, 0.5]], z[1:]) == pytest.approx(-np.log(p[1, [0, 2]]).mean())
