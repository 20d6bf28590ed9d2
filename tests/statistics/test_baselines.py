"""A gain over trivial baselines is measured on the same rows: no baseline has one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.statistics import baselines

NAMES = ("accuracy", "roc_auc")


def rows(count: int, seed: int, base: float = 0.4, drift: float = 0.0) -> pd.DataFrame:
    """Return rows whose label depends on a segment; `drift` moves every segment's share."""
    random = np.random.default_rng(seed)
    segment = random.integers(0, 4, count)
    share = np.clip(base + 0.1 * (segment - 1.5) + drift, 0.02, 0.98)
    frame = pd.DataFrame({"segment": segment, "one": "x", "label": (random.random(count) < share).astype(int)})
    return frame.assign(group=[str(number) for number in range(count)])


@pytest.mark.parametrize("drift", [-0.3, 0.0, 0.4])
@pytest.mark.parametrize("count", [40, 400])
def test_no_trivial_answer_gains_whatever_the_test_rows_are(count: int, drift: float) -> None:
    train, test = rows(500, 1), rows(count, 2, drift=drift)
    simple = baselines.answers(train, test, ["segment", "one", "absent"])
    assert list(simple) == ["always no", "always yes", "by segment alone"]
    for answer in simple.values():
        found = baselines.figures(train, test, answer, ["segment"], 200)
        for name in NAMES:
            assert found[f"test_{name}_gain"] <= 0
            assert found[f"test_{name}_gain_low"] <= 0


def test_the_gain_is_the_difference_to_the_best_on_the_same_rows() -> None:
    train, test = rows(500, 1, base=0.2), rows(300, 2, base=0.8)  # always no was best, now always yes is
    right = np.where(np.arange(300) < 280, test["label"], 1 - test["label"])
    found = baselines.figures(train, test, right, [], 200)
    assert found["test_accuracy_gain_over"] == "always yes"
    assert found["test_accuracy_gain"] == pytest.approx(280 / 300 - test["label"].mean())
    assert 0 < found["test_accuracy_gain_low"] < found["test_accuracy_gain"] < found["test_accuracy_gain_high"]


def test_a_segment_that_was_never_seen_has_the_share_of_all() -> None:
    train = pd.DataFrame({"place": ["a", "a", "b"], "label": [1, 0, 1]})
    simple = baselines.answers(train, pd.DataFrame({"place": ["b", "c"]}), ["place"])
    np.testing.assert_allclose(simple["by place alone"], [1, 2 / 3])


def test_twenty_classes_and_money_are_scores_alike() -> None:
    random = np.random.default_rng(3)
    label = random.integers(0, 20, 400)
    said = np.where(random.random(400) < 0.5, label, 0)
    others = {f"always {one}": baselines.mean(label == one) for one in range(20)}
    found, over = baselines.gain(baselines.mean(said == label), others, 400, None, 300)
    best = np.bincount(label).max() / 400
    assert found.value == pytest.approx((said == label).mean() - best)
    assert found.low > 0.3
    assert over == f"always {np.bincount(label).argmax()}"


def classified(count: int, seed: int, classes: int) -> pd.DataFrame:
    """Return rows of several classes, of unequal shares that depend on a segment; the last class is nowhere."""
    random = np.random.default_rng(seed)
    segment = random.integers(0, 3, count)
    code = np.minimum(random.geometric(0.3, count) - 1 + segment, classes - 2)
    label = pd.Categorical.from_codes(code, [f"<b>{one}" for one in range(classes)])
    frame = pd.DataFrame({"segment": segment, "label": label})
    return frame.assign(group=[str(number // 2) for number in range(count)])


def measured(count: int, seed: int) -> pd.DataFrame:
    """Return numbers that depend on a segment and on a value that a model could use."""
    random = np.random.default_rng(seed)
    segment, value = random.integers(0, 3, count), random.normal(0, 2, count)
    frame = pd.DataFrame(
        {"segment": segment, "value": value, "label": 5 + segment + value + random.normal(0, 1, count)}
    )
    return frame.assign(group=[str(number // 2) for number in range(count)])


@pytest.mark.parametrize("classes", [3, 20, 200])
def test_no_trivial_answer_of_many_classes_gains(classes: int) -> None:
    train, test = classified(600, 1, classes), classified(300, 2, classes)
    simple = baselines.answers(train, test, ["segment"])
    constant = [f"always <b>{one}" for one in range(min(classes, 5))]
    assert {*simple} >= {*constant[:2], "the shares of all classes", "by segment alone"}
    assert sum(name.startswith("always") for name in simple) == min(classes, 5)
    for answer in simple.values():
        assert answer.shape == (300, classes) and answer.sum(axis=1) == pytest.approx(np.ones(300))
        found = baselines.figures(train, test, answer, ["segment"], 20, "multiclass")
        for name in ("accuracy", "macro_f1"):
            assert found[f"test_{name}_gain"] <= 0 and found[f"test_{name}_gain_low"] <= 0
    right = np.eye(classes)[test["label"].cat.codes]
    found = baselines.figures(train, test, right, ["segment"], 50, "multiclass")
    best = max((answer.argmax(axis=1) == test["label"].cat.codes).mean() for answer in simple.values())
    assert found["test_accuracy_gain"] == pytest.approx(1 - best)
    assert found["test_macro_f1_gain_low"] > 0.5


def test_a_segments_shares_are_those_of_train_and_of_all_rows_where_it_is_new() -> None:
    label = pd.Categorical(["a", "b", "a", "c"], categories=["a", "b", "c", "never"])
    train = pd.DataFrame({"place": ["x", "x", "y", "y"], "label": label})
    simple = baselines.answers(train, pd.DataFrame({"place": ["y", "z"]}), ["place"])
    np.testing.assert_allclose(simple["by place alone"], [[0.5, 0, 0.5, 0], [0.5, 0.25, 0.25, 0]])


def test_no_trivial_number_gains_and_a_model_does() -> None:
    train, test = measured(600, 1), measured(300, 2)
    simple = baselines.answers(train, test, ["segment"])
    assert list(simple) == ["always the mean", "always the median", "by segment alone"]
    for answer in simple.values():
        found = baselines.figures(train, test, answer, ["segment"], 50, "number")
        assert list(found)[::4] == ["test_mae_gain", "test_r2_gain"]
        assert max(found[f"test_{name}_gain{end}"] for name in ("mae", "r2") for end in ("", "_low")) <= 0
    better = 6 + test["value"].to_numpy()
    found = baselines.figures(train, test, better, ["segment"], 50, "number")
    apart = np.abs(test["label"] - simple["by segment alone"]).mean() - np.abs(test["label"] - better).mean()
    assert found["test_mae_gain"] == pytest.approx(apart) and found["test_mae_gain_over"] == "by segment alone"
    assert found["test_r2_gain_low"] > 0
