"""Acquisition functions against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from loopbook.feedback import acquisition
from loopbook.scenario.errors import DataError


def test_entropy_and_margin_by_hand() -> None:
    p = np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3], [0.6, 0.3, 0.1]])
    np.testing.assert_allclose(acquisition.entropy(p)[:3], [0, np.log(2) / np.log(3), 1], atol=1e-9)
    np.testing.assert_allclose(acquisition.margin(p), [0, 1, 1, 0.7])


def test_bald_counts_disagreement_and_not_noise() -> None:
    noise = np.full((4, 1, 2), 0.5)
    torn = np.array([[[1.0, 0.0]], [[0.0, 1.0]]] * 2)
    some = np.array([[[0.9, 0.1]], [[0.6, 0.4]]] * 2)
    found = acquisition.bald(np.concatenate([noise, torn, some], axis=1))
    mean = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    each = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1) + 0.6 * np.log(0.6) + 0.4 * np.log(0.4)) / 2
    np.testing.assert_allclose(found, [0, 1, (mean - each) / np.log(2)], atol=1e-9)
    with pytest.raises(DataError, match="at least two"):
        acquisition.bald(np.full((1, 3, 2), 0.5))
