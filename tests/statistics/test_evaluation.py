from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from loopbook.scenario.errors import DataError, LoopbookError
from loopbook.statistics import bootstrap, confusions, evaluation
from loopbook.statistics.intervals import wilson


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


def several(rows: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = random.integers(0, classes, rows)
    z = random.normal(0, 1, (rows, classes))
    z[np.arange(rows), y] += 2
    p = np.exp(z)
    return y, p / p.sum(axis=1, keepdims=True)


def test_many_classes_are_scored_by_codes_and_by_a_categorical_alike() -> None:
    y, p = several(300, 7, 1)
    table = evaluation.metrics(y, p, resamples=100, task="multiclass")
    named = pd.Series(pd.Categorical.from_codes(y, list("abcdefg")))
    pd.testing.assert_frame_equal(evaluation.metrics(named, p, resamples=100, task="multiclass"), table)
    chosen = evaluation.flat(table, "test_", ["log_loss"], "multiclass")
    assert list(chosen)[:2] == ["test_macro_f1", "test_accuracy"] and "test_log_loss_high" in chosen
    assert chosen["test_macro_f1_low"] < chosen["test_macro_f1"] < chosen["test_macro_f1_high"]


def test_of_a_number_a_value_alone_has_no_coverage_and_quantiles_have() -> None:
    y = np.random.default_rng(1).normal(0, 1, 200)
    alone = evaluation.metrics(y, y * 0.5, resamples=50, task="number")
    assert alone.index.to_list() == ["r2", "mae", "rmse"]
    quantiles = y[:, None] * 0.5 + np.linspace(-1, 1, 99)
    assert {"pinball", "coverage"} < {*evaluation.metrics(y, quantiles, resamples=50, task="number").index}


@pytest.mark.parametrize("metric", ["r2", "mae", "rmse", "pinball"])
def test_a_gain_is_positive_for_what_is_better_whichever_way_the_metric_runs(metric: str) -> None:
    random = np.random.default_rng(2)
    y = random.normal(0, 2, 300)
    near, far = y + random.normal(0, 0.5, 300), y + random.normal(0, 1.5, 300)
    gain, low, high = evaluation.paired(y, near, far, metric, resamples=200)
    assert 0 < low < gain < high
    assert evaluation.paired(y, far, near, metric, resamples=200).value == -gain


@pytest.mark.parametrize("metric", ["macro_f1", "log_loss", "ovr_auc", "top_3", "brier"])
def test_a_gain_of_many_classes_is_positive_for_what_is_better(metric: str) -> None:
    y, p = several(400, 6, 3)
    worse = 0.25 * p + 0.75 * np.random.default_rng(0).dirichlet(np.ones(6), 400)
    gain, low, _ = evaluation.paired(y, p, worse, metric, resamples=200)
    assert 0 < low < gain


def test_a_gain_in_coverage_is_being_nearer_to_what_is_promised() -> None:
    y = np.random.default_rng(3).normal(0, 1, 500)
    levels = np.linspace(-2.3, 2.3, 99)
    right, wide = np.tile(levels, (500, 1)), np.tile(4 * levels, (500, 1))
    assert evaluation.paired(y, right, wide, "coverage", resamples=100).low > 0


def test_the_worst_confusions_come_first_and_name_the_share_of_the_true_class() -> None:
    y = [0] * 10 + [1] * 4 + [2] * 5
    said = [0] * 7 + [1] * 3 + [2] * 3 + [1] + [2] * 5
    table = evaluation.confusions(y, np.eye(3)[said], names=("a", "b", "c"))
    assert table.columns.to_list() == ["is", "model says", "rows", "share"]
    assert table.to_numpy().tolist() == [["b", "c", 3, 0.75], ["a", "b", 3, 0.3]]
    many = evaluation.confusion(*several(3000, 200, 1), names=[str(one) for one in range(200)])
    assert len(confusions.worst(many)) == confusions.MOST
    assert confusions.worst(many)["rows"].iloc[0] == (many.to_numpy() * (1 - np.eye(200))).max()
    assert confusions.worst(evaluation.confusion([0, 1], [0.1, 0.9])).empty


def test_decisions_by_outcome_are_read_off_alike() -> None:
    table = pd.crosstab(
        pd.Series(["act", "act", "yes"], name="decision"), pd.Series(["yes", "no", "yes"], name="label")
    )
    assert confusions.worst(table).to_numpy().tolist() == [["act", "no", 1, 0.5], ["act", "yes", 1, 0.5]]


def test_a_report_of_many_classes_begins_with_the_worst_and_sums_up_the_rest() -> None:
    y, p = several(3000, 200, 2)
    names = [f"class {one}" for one in range(200)]
    short, whole = evaluation.report(y, p, names=names, by="f1", most=10), evaluation.report(y, p, names=names)
    assert short.index.to_list()[-2:] == ["190 more", "mean"] and len(short) == 12
    assert short["f1"].iloc[:10].is_monotonic_increasing
    assert short["rows"].iloc[:-1].sum() == whole["rows"].iloc[:-1].sum() == short["rows"].iloc[-1] == 3000
    assert whole.loc["mean", "f1"] == pytest.approx(
        evaluation.metrics(y, p, resamples=0, only=["macro_f1"], task="multiclass")["value"].item()
    )
    assert evaluation.report(y, p, names=names, by="rows", most=3)["rows"].iloc[0] == np.bincount(y).min()


def test_a_class_without_rows_and_answers_is_no_part_of_the_mean_and_may_be_called_mean() -> None:
    report = evaluation.report([0, 0, 1], np.eye(3)[[0, 0, 1]], names=("mean", "b", "c"))
    assert report["f1"].iloc[[0, 1, 3]].to_list() == [1, 1, 1] and np.isnan(report["f1"].iloc[2])
    assert report.index.to_list() == ["mean", "b", "c", "mean"]


def test_the_reliability_of_many_classes_is_that_of_the_most_probable_one() -> None:
    p = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]])
    curve = evaluation.calibration([0, 0, 0], p, bins=10)
    assert curve["frequency"].to_list() == [1, 0.5] and curve["rows"].to_list() == [1, 2]


def test_residuals_are_told_by_bins_of_predictions() -> None:
    value = np.arange(100.0)
    table = evaluation.residuals(value + np.where(value < 50, 2, -1), value, bins=10)
    assert table["rows"].to_list() == [10] * 10
    assert table["residual"].to_list() == [2] * 5 + [-1] * 5 and table["absolute"].to_list() == [2] * 5 + [1] * 5
    assert table.index.to_list()[:2] == ["0 to 9", "10 to 19"]
    assert evaluation.residuals([1, 2, 3], [5, 5, 5])["rows"].to_list() == [3]


def test_residuals_by_segment_say_how_many_lie_in_their_interval() -> None:
    quantiles = np.tile(np.arange(1.0, 100), (40, 1))
    label = np.where(np.arange(40) < 20, 50, 97)  # within 5 to 95, and outside
    table = evaluation.residuals(label, quantiles, np.repeat(["b", "<a>"], 20))
    assert table.index.to_list() == ["<a>", "b"] and table["rows"].to_list() == [20, 20]
    assert table["covered"].to_list() == [0, 1] and table["residual"].to_list() == [47, 0]
    assert table["covered_high"].iloc[0] == pytest.approx(wilson(0, 20).high) and table["covered_low"].iloc[1] < 1
    assert table[["low", "high"]].to_numpy().tolist() == [[-45, 45]] * 2
    assert len(evaluation.residuals(label, quantiles)) == 1


@pytest.mark.parametrize(
    ("label", "answer", "task", "message"),
    [
        ([0, 3], np.full((2, 3), 1 / 3), "multiclass", "codes from 0 to 2"),
        ([0, -1], np.full((2, 3), 1 / 3), "multiclass", "codes from 0 to 2"),
        ([0, 1], np.full((2, 3), 1 / 3), "binary", "no probability of yes"),
        ([0, np.nan], [0.0, 1], "number", "finite"),
        ([0, 1], [np.inf, 1], "number", "finite"),
    ],
)
def test_what_cannot_be_scored_in_its_type_is_refused(label: list, answer: np.ndarray, task: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluation.metrics(label, answer, task=task)
