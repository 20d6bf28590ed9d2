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


MANY = {
    "accuracy": lambda y, p, w: reference.accuracy_score(y, p.argmax(1), sample_weight=w),
    "balanced_accuracy": lambda y, p, w: reference.balanced_accuracy_score(y, p.argmax(1), sample_weight=w),
    "informedness": lambda y, p, w: reference.balanced_accuracy_score(y, p.argmax(1), sample_weight=w, adjusted=True),
    "macro_f1": lambda y, p, w: reference.f1_score(y, p.argmax(1), sample_weight=w, average="macro"),
    "weighted_f1": lambda y, p, w: reference.f1_score(y, p.argmax(1), sample_weight=w, average="weighted"),
    "matthews": lambda y, p, w: reference.matthews_corrcoef(y, p.argmax(1), sample_weight=w),
    "kappa": lambda y, p, w: reference.cohen_kappa_score(
        y, p.argmax(1), weights="quadratic", sample_weight=w, labels=range(p.shape[1])
    ),
    "top_3": lambda y, p, w: reference.top_k_accuracy_score(y, p, k=3, sample_weight=w, labels=range(p.shape[1])),
    "top_5": lambda y, p, w: reference.top_k_accuracy_score(y, p, k=5, sample_weight=w, labels=range(p.shape[1])),
    "ovr_auc": lambda y, p, w: np.mean(
        [reference.roc_auc_score(y == one, p[:, one], sample_weight=w) for one in np.unique(y).astype(int)]
    ),
    "log_loss": lambda y, p, w: reference.log_loss(y, p, sample_weight=w, labels=range(p.shape[1])),
    "brier": lambda y, p, w: reference.brier_score_loss(y, p, sample_weight=w, labels=range(p.shape[1])),
}
NUMBER = {
    "r2": lambda y, p, w: reference.r2_score(y, p, sample_weight=w),
    "mae": lambda y, p, w: reference.mean_absolute_error(y, p, sample_weight=w),
    "rmse": lambda y, p, w: reference.root_mean_squared_error(y, p, sample_weight=w),
    "pinball": lambda y, p, w: reference.mean_pinball_loss(y, p, sample_weight=w),
}


def several(rows: int, classes: int, seed: int, occurring: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return codes of the first classes alone, and probabilities of all, [rows, classes]."""
    random = np.random.default_rng(seed)
    y = random.integers(0, occurring or classes, rows)
    z = random.normal(0, 1, (rows, classes))
    z[np.arange(rows), y] += 1.5
    p = np.exp(z)
    return y.astype(float), p / p.sum(axis=1, keepdims=True)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize(("classes", "occurring"), [(6, 6), (20, 20), (30, 12), (200, 200)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_scores_of_many_classes_equal_scikit_learns_rare_and_missing_ones_included(
    classes: int, occurring: int, seed: int
) -> None:
    y, p = several(80, classes, seed, occurring)
    w = np.random.default_rng(seed).multinomial(80, np.full(80, 1 / 80), size=2).astype(float)
    weightings = np.vstack([np.ones((1, 80)), w])
    for name, second in MANY.items():
        found = metrics.computed(name)(y, p, 0.5, weightings)
        for at, weight in enumerate(weightings):
            used = weight > 0
            assert found[at] == pytest.approx(second(y[used], p[used], weight[used]), abs=1e-9), name


def test_a_mean_over_classes_leaves_out_those_of_which_nothing_is_known() -> None:
    said = np.eye(4)[[0, 0, 1, 1]] * 0.9 + 0.025
    # Class 0 is right, class 2 is taken for class 1, class 3 is nowhere.
    y = np.array([0, 0, 2, 2.0])
    assert metrics.score("macro_f1", y, said) == pytest.approx((1 + 0 + 0) / 3)
    assert metrics.score("balanced_accuracy", y, said) == pytest.approx((1 + 0) / 2)
    weights = np.array([[1.0, 1, 0, 0]])
    assert metrics.computed("macro_f1")(y, said, 0.5, weights) == 1
    assert np.isnan(metrics.computed("ovr_auc")(y, said, 0.5, weights)).all()


def test_of_no_more_classes_than_that_the_likeliest_three_tell_nothing() -> None:
    y, p = several(40, 3, 1)
    assert np.isnan(metrics.score("top_3", y, p))
    assert metrics.score("top_3", *several(40, 4, 1)) < 1


def test_equal_probabilities_are_ranked_as_they_are_answered() -> None:
    assert metrics.score("top_3", [3, 4], np.full((2, 5), 0.2)) == 0
    assert metrics.score("top_3", [0, 2], np.full((2, 5), 0.2)) == 1


def test_two_classes_are_the_same_in_either_form() -> None:
    y, p = several(60, 2, 3)
    for name in metrics.scores():
        assert metrics.score(name, y, p) == metrics.score(name, y, p[:, 1]), name


def test_the_calibration_errors_of_many_classes_by_hand() -> None:
    p = np.array([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.02, 0.9, 0.08], [0.3, 0.3, 0.4]])
    y = np.array([0, 1, 1, 0.0])
    # The most probable class: two rows at 0.8 of which one is right, 0.9 right, 0.4 wrong.
    assert metrics.score("ece", y, p) == pytest.approx((2 * 0.3 + 0.1 + 0.4) / 4)
    # Class 0: bins (0.8, 0.8), (0.02), (0.3); class 1: (0.1, 0.1), (0.9), (0.3); class 2: (0.1, 0.1, 0.08), (0.4).
    first, second, third = 0.6 + 0.02 + 0.7, 0.8 + 0.1 + 0.3, 0.28 + 0.4
    assert metrics.score("classwise_ece", y, p) == pytest.approx((first + second + third) / 4 / 3)


def test_perfectly_calibrated_classes_have_no_error_but_chances() -> None:
    random = np.random.default_rng(4)
    p = random.dirichlet(np.full(5, 0.7), 40_000)
    y = (p.cumsum(axis=1) < random.random((40_000, 1))).sum(axis=1)
    assert metrics.score("classwise_ece", y, p) < 0.006
    assert metrics.score("ece", y, p) < 0.01


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_scores_of_numbers_equal_scikit_learns(seed: int) -> None:
    random = np.random.default_rng(seed)
    y, w = random.normal(1e4, 3, 60), random.integers(0, 4, 60).astype(float)
    p = y + random.normal(0, 2, 60)
    for name, second in NUMBER.items():
        assert metrics.computed(name)(y, p, 0.5, np.stack([w]))[0] == pytest.approx(second(y, p, w), abs=1e-9), name


def test_quantiles_are_judged_level_by_level_and_each_metric_asks_for_what_minimises_it() -> None:
    y = np.random.default_rng(2).lognormal(0, 1, 4000)
    quantiles = np.tile(np.quantile(y, np.arange(1, 100) / 100), (len(y), 1))
    levels = [reference.mean_pinball_loss(y, quantiles[:, at], alpha=(at + 1) / 100) for at in range(99)]
    assert metrics.score("pinball", y, quantiles) == pytest.approx(np.mean(levels))
    assert metrics.score("coverage", y, quantiles) == pytest.approx(0.9, abs=0.002)
    assert metrics.score("mae", y, quantiles) == pytest.approx(np.abs(y - np.median(y)).mean(), rel=1e-3)
    assert metrics.score("r2", y, quantiles) > -0.01 > metrics.score("r2", y, quantiles[:, 49])
    assert np.isnan(metrics.score("coverage", y, quantiles[:, 49]))


def test_numbers_that_do_not_differ_have_no_share_explained() -> None:
    assert np.isnan(metrics.score("r2", [3, 3, 3], [1, 2, 3]))


def test_the_calibration_error_by_hand() -> None:
    # Bins of 1/15: two rows at 0.9 (one right) miss by 0.4, two at 0.02 (none) by 0.02.
    y, p = np.array([1.0, 0, 0, 0]), np.array([0.9, 0.9, 0.02, 0.02])
    assert metrics.ece(y, p, 0.5, np.ones((1, 4)))[0] == pytest.approx((2 * 0.4 + 2 * 0.02) / 4)


def test_one_class_has_no_area() -> None:
    assert np.isnan(metrics.score("roc_auc", [1, 1], [0.1, 0.2]))


def test_every_metric_is_held_against_a_second_implementation_or_a_hand_count() -> None:
    assert {*metrics.scores()} == {*REFERENCE, "ece"}
    assert {*metrics.scores("ordinal")} == {*MANY, "ece", "classwise_ece"}
    assert {*metrics.scores("multiclass")} == {*metrics.scores("ordinal")} - {"kappa"}
    assert {*metrics.scores("number")} == {*NUMBER, "coverage"}


def test_what_is_reported_begins_with_the_primary_metric() -> None:
    assert metrics.reported() == ("roc_auc", "accuracy", "matthews")
    assert metrics.reported("multiclass") == ("macro_f1", "accuracy", "matthews")
    assert metrics.reported("ordinal")[0] == "kappa"
    assert metrics.reported("number") == ("r2", "mae")
    assert metrics.reported("ranking") == ("roc_auc", "ndcg")  # no accuracy: nine in ten are passed over


@pytest.mark.parametrize(
    ("recorded", "name"),
    [("test_roc_auc_low", "roc_auc"), ("baseline_test_accuracy", "accuracy"), ("champion_latency_ms", "latency_ms"),
     ("test_pr_auc", "pr_auc"), ("test_ovr_auc_low", "ovr_auc"), ("test_classwise_ece", "classwise_ece"),
     ("test_macro_f1_gain", "macro_f1_gain"), ("validation_mae", "mae"), ("test_r2_high", "r2"),
     ("cost_per_decision", "cost_per_decision"), ("recall_gap", None), ("rows", None)],
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
