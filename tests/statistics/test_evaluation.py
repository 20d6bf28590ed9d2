from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from loopbook.models.training import gradient_check
from loopbook.scenario.errors import DataError, LoopbookError
from loopbook.statistics import bootstrap, evaluation


def drawn(rows: int, seed: int, skill: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, rows)
    return y, 1 / (1 + np.exp(-random.normal(skill * (2 * y - 1), 2)))


def test_intervals_hold_the_value_and_equal_seeds_give_equal_intervals() -> None:
    y, p = drawn(300, 1)
    table = evaluation.metrics(y, p, resamples=200, seed=3)
    assert (table["low"] <= table["value"]).drop("ece").all() and (table["value"] <= table["high"]).all()
    assert table.equals(evaluation.metrics(y, p, resamples=200, seed=3))
    assert not table.equals(evaluation.metrics(y, p, resamples=200, seed=4))


def test_the_interval_of_accuracy_is_as_wide_as_the_binomial_says() -> None:
    y, p = drawn(1000, 2)
    row = evaluation.metrics(y, p, resamples=2000, only=["accuracy"]).loc["accuracy"]
    error = np.sqrt(row["value"] * (1 - row["value"]) / 1000)
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * error, rel=0.08)


def test_rows_that_are_copies_count_as_one_group() -> None:
    y, p = drawn(200, 3)
    alone = evaluation.metrics(y, p, only=["roc_auc"]).loc["roc_auc"]
    copies = evaluation.metrics(np.repeat(y, 5), np.repeat(p, 5), groups=np.repeat(np.arange(200), 5), only=["roc_auc"])
    naive = evaluation.metrics(np.repeat(y, 5), np.repeat(p, 5), only=["roc_auc"]).loc["roc_auc"]
    assert copies.loc["roc_auc"].to_list() == pytest.approx(alone.to_list())
    assert naive["high"] - naive["low"] < 0.6 * (alone["high"] - alone["low"])


def test_intervals_in_blocks_equal_intervals_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    y, p = drawn(100, 4)
    at_once = evaluation.metrics(y, p, resamples=100)
    monkeypatch.setattr(bootstrap, "_BLOCK", 700)
    pd.testing.assert_frame_equal(evaluation.metrics(y, p, resamples=100), at_once)


def test_a_missing_class_gives_no_area_and_no_interval() -> None:
    table = evaluation.metrics([1, 1, 1], [0.2, 0.6, 0.9], resamples=50)
    assert table.loc["roc_auc"].isna().all()
    assert table.loc["accuracy", "value"] == pytest.approx(2 / 3)


def test_a_pair_on_the_same_rows_is_told_apart_more_surely() -> None:
    y, p = drawn(800, 5)
    worse = np.clip(p + np.random.default_rng(0).normal(0, 0.15, len(p)), 0, 1)
    difference, low, high = evaluation.paired(y, p, worse, "roc_auc")
    assert difference == pytest.approx(reference.roc_auc_score(y, p) - reference.roc_auc_score(y, worse))
    assert 0 < low < difference < high
    own = evaluation.metrics(y, p, only=["roc_auc"]).loc["roc_auc"]
    assert high - low < own["high"] - own["low"]
    assert evaluation.paired(y, p, p, "accuracy") == (0, 0, 0)


def test_curves_equal_scikit_learns() -> None:
    y, p = drawn(200, 6)
    p = p.round(2)
    fpr, tpr, _ = reference.roc_curve(y, p, drop_intermediate=False)
    curve = evaluation.roc(y, p)
    assert curve["false_positive_rate"].to_numpy() == pytest.approx(fpr)
    assert curve["true_positive_rate"].to_numpy() == pytest.approx(tpr)
    precision, recall, thresholds = reference.precision_recall_curve(y, p)
    curve = evaluation.pr(y, p)
    assert curve["threshold"].to_numpy()[::-1] == pytest.approx(thresholds)
    assert curve["precision"].to_numpy()[::-1] == pytest.approx(precision[:-1])
    assert curve["recall"].to_numpy()[::-1] == pytest.approx(recall[:-1])


def test_confusion_and_report_by_hand() -> None:
    y, p = [0, 0, 0, 1, 1], [0.1, 0.2, 0.9, 0.8, 0.3]
    table = evaluation.confusion(y, p, names=("calm", "alarm"))
    assert table.to_numpy().tolist() == [[2, 1], [1, 1]]
    assert table.loc["calm", "alarm"] == 1
    report = evaluation.report(y, p, names=("calm", "alarm"))
    assert report.loc["calm", ["precision", "recall"]].to_list() == pytest.approx([2 / 3, 2 / 3])
    assert report.loc["alarm", ["precision", "recall", "f1"]].to_list() == pytest.approx([0.5, 0.5, 0.5])
    assert report["rows"].to_list() == [3, 2, 5]


def test_calibration_counts_every_row_once() -> None:
    y, p = drawn(500, 7)
    curve = evaluation.calibration(y, p, bins=10)
    assert curve["rows"].sum() == 500
    assert curve["frequency"].between(0, 1).all() and curve["probability"].is_monotonic_increasing


def test_the_gradient_formula_equals_automatic_differentiation() -> None:
    random = np.random.default_rng(8)
    y, z, w = random.integers(0, 2, 50), random.normal(0, 4, 50), random.random(50)
    table = gradient_check.check(y, z, w)
    assert table["difference"].abs().max() < 1e-12
    assert table["formula"].abs().max() > 0.01


@pytest.mark.parametrize(
    ("label", "probability", "message"),
    [([], [], "at least one"), ([0, 2], [0, 1], "0 or 1"), ([0, 1], [0, np.nan], "from 0 to 1"), ([0], [0, 1], "many")],
)
def test_what_cannot_be_scored_is_refused(label: list, probability: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluation.metrics(label, probability)


def test_an_unknown_metric_is_refused_with_the_likely_one() -> None:
    with pytest.raises(LoopbookError, match="Did you mean 'roc_auc'"):
        evaluation.metrics([0, 1], [0, 1], only=["rocauc"])
