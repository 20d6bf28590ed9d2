from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from loopbook.scenario.errors import LoopbookError
from loopbook.statistics import metrics

REFERENCE = {
    "accuracy": lambda y, p, w: reference.accuracy_score(y, p >= 0.5, sample_weight=w),
    "balanced_accuracy": lambda y, p, w: reference.balanced_accuracy_score(y, p >= 0.5, sample_weight=w),
    "precision": lambda y, p, w: reference.precision_score(y, p >= 0.5, sample_weight=w, zero_division=0),
    "recall": lambda y, p, w: reference.recall_score(y, p >= 0.5, sample_weight=w),
    "f1": lambda y, p, w: reference.f1_score(y, p >= 0.5, sample_weight=w),
    "roc_auc": lambda y, p, w: reference.roc_auc_score(y, p, sample_weight=w),
    "pr_auc": lambda y, p, w: reference.average_precision_score(y, p, sample_weight=w),
    "matthews": lambda y, p, w: reference.matthews_corrcoef(y, p >= 0.5, sample_weight=w),
    "informedness": lambda y, p, w: 2 * reference.balanced_accuracy_score(y, p >= 0.5, sample_weight=w) - 1,
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
        found = metrics.computed(name)(y, p, 0.5, weightings)
        if len(set(y)) == 2:
            assert found[0] == pytest.approx(second(y, p, None), abs=1e-9), name
        assert found[1] == pytest.approx(second(y[used], p[used], w[used]), abs=1e-9), name


def test_the_calibration_error_by_hand() -> None:
    # Bins of 1/15: two rows at 0.9 (one right) miss by 0.4, two at 0.02 (none) by 0.02.
    y, p = np.array([1.0, 0, 0, 0]), np.array([0.9, 0.9, 0.02, 0.02])
    assert metrics.ece(y, p, 0.5, np.ones((1, 4)))[0] == pytest.approx((2 * 0.4 + 2 * 0.02) / 4)


def test_one_class_has_no_area() -> None:
    assert np.isnan(metrics.score("roc_auc", [1, 1], [0.1, 0.2]))


def test_every_metric_is_held_against_a_second_implementation_or_a_hand_count() -> None:
    assert {*metrics.scores()} == {*REFERENCE, "ece"}


@pytest.mark.parametrize(
    ("recorded", "name"),
    [("test_roc_auc_low", "roc_auc"), ("baseline_test_accuracy", "accuracy"), ("champion_latency_ms", "latency_ms"),
     ("test_pr_auc", "pr_auc"), ("cost_per_decision", "cost_per_decision"), ("recall_gap", None), ("rows", None)],
)  # fmt: skip
def test_a_recorded_name_ends_with_its_metric(recorded: str, name: str | None) -> None:
    found = metrics.recorded_as(recorded)
    assert (found.name if found else None) == name


def test_gain_is_positive_on_the_better_side() -> None:
    assert metrics.HIGHER.gain(0.7, 0.8) == pytest.approx(0.1)
    assert metrics.LOWER.gain(0.7, 0.8) == pytest.approx(-0.1)
    assert metrics.Direction("nearer", target=3.0).gain(5.0, 2.0) == 1.0


def test_the_primary_metric_of_each_task_is_registered() -> None:
    for task in metrics.PRIMARY:
        assert metrics.primary(task).name in metrics.scores(task, ("full",))


def test_an_unknown_metric_is_refused_with_the_likely_one() -> None:
    with pytest.raises(LoopbookError, match="Did you mean 'roc_auc'"):
        metrics.score("rocauc", [0, 1], [0, 1])
