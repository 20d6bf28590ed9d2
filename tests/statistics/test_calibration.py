from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.statistics import calibration, scores
from loopbook.statistics.scores import cross_entropy, sigmoid


def drawn(scale: float, rows: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, and logits that are too large by a factor."""
    random = np.random.default_rng(seed)
    z = random.normal(0, 1.5, rows)
    return (random.random(rows) < sigmoid(z)).astype(int), z * scale


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_the_temperature_is_what_the_logits_are_too_large_by(scale: float) -> None:
    assert calibration.temperature(*drawn(scale)) == pytest.approx(scale, rel=0.1)


@given(st.floats(0.2, 5))
def test_no_other_temperature_has_a_smaller_loss(other: float) -> None:
    y, z = drawn(2.0, 300)
    targets = np.where(y == 1, (y.sum() + 1) / (y.sum() + 2), 1 / (300 - y.sum() + 2))
    best = calibration.temperature(y, z)
    assert cross_entropy(targets, z / best).mean() <= cross_entropy(targets, z / other).mean() + 1e-9


def test_equal_logits_are_left_alone() -> None:
    assert calibration.temperature([0, 1, 1], [0.7, 0.7, 0.7]) == 1


def test_a_few_rows_that_are_all_right_do_not_make_the_model_certain() -> None:
    # Two rows count as four of which one is mistaken each way: sigmoid(1 / T) = 2/3, so T = 1 / log 2.
    assert calibration.temperature([0, 1], [-1, 1]) == pytest.approx(1 / np.log(2), rel=1e-5)


def test_logits_that_are_wrong_are_turned_down_to_the_limit() -> None:
    assert calibration.temperature([1, 0], [-1, 1]) == pytest.approx(20, rel=0.01)


def test_platt_scaling_undoes_a_known_distortion_and_inverts_itself() -> None:
    y, z = drawn(1.0, 20_000)
    scale = calibration.platt(y, sigmoid(2 * z + 0.7))
    assert (scale.slope, scale.intercept) == pytest.approx((0.5, -0.35), abs=0.05)
    assert scale.apply([scale.invert(0.3)])[0] == pytest.approx(0.3)
    assert (scale.invert(0.0), scale.invert(1.0)) == (0, 1)


@given(st.floats(0.1, 3), st.floats(-2, 2), st.floats(0.05, 0.95))
def test_the_stated_probability_is_where_the_calibrated_one_is_reached(
    slope: float, shift: float, calibrated: float
) -> None:
    scale = calibration.Platt(slope, shift)
    stated = scale.invert(calibrated)
    if 0.001 < stated < 0.999:
        assert scale.apply(np.array([stated]))[0] == pytest.approx(calibrated, abs=1e-6)


def test_platt_scaling_leaves_alone_what_rows_cannot_tell() -> None:
    for label, p in (([1, 1], [0.2, 0.4]), ([0, 1], [0.5, 0.5]), ([1, 0] * 50, [0.2, 0.8] * 50)):
        assert calibration.platt(label, p) == calibration.Platt()
    separated = calibration.platt([0] * 20 + [1] * 20, [0.1] * 20 + [0.9] * 20)
    assert np.isfinite([separated.slope, separated.intercept]).all()


def several(scale: float, rows: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return codes, and logits that are too large by a factor; the last classes are rare."""
    random = np.random.default_rng(seed)
    z = random.normal(0, 1.5, (rows, classes)) - np.linspace(0, 3, classes)
    p = scores.probabilities(z)
    return (p.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1), z * scale


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("classes", [3, 77])
def test_the_temperature_of_many_classes_is_what_their_logits_are_too_large_by(classes: int, scale: float) -> None:
    assert calibration.temperature(*several(scale, 4000, classes)) == pytest.approx(scale, rel=0.1)


def test_two_classes_have_one_temperature_in_either_form() -> None:
    y, z = drawn(2.5, 500)
    both = calibration.temperature(y, np.column_stack([np.zeros(500), z]))
    assert both == pytest.approx(calibration.temperature(y, z), rel=1e-5)


def test_however_many_classes_a_few_rows_that_are_all_right_do_not_make_the_model_certain() -> None:
    for classes in (3, 50):
        found = calibration.temperature(np.arange(classes), 8.0 * np.eye(classes))
        sure = scores.probabilities(8.0 * np.eye(classes) / found).max()
        assert sure == pytest.approx(1 - 2 / classes / 3, abs=1e-4)  # two rows of three times as many are mistaken


def test_equal_logits_of_many_classes_are_left_alone() -> None:
    assert calibration.temperature([0, 1, 1], np.tile([[2.0], [1.0], [0.0]], (1, 4))) == 1
