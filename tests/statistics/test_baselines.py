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
