from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.models.choice.leaderboard import Entry, latency, leaderboard
from loopbook.scenario.errors import LoopbookError
from loopbook.statistics import metrics


def test_the_best_ranking_stands_first_with_its_interval() -> None:
    y = np.array([0, 1] * 30)
    random = np.random.default_rng(0)
    good, poor = np.clip(0.3 + 0.4 * y + random.normal(0, 0.1, 60), 0, 1), random.random(60)
    table = leaderboard(y, {"poor": Entry("plain", 3, poor, 10, 0.5), "good": Entry("network", 9, good)}, resamples=100)
    assert table["candidate"].to_list() == ["good", "poor"]
    assert list(table)[:6] == ["candidate", "family", "parameters", "accuracy", "accuracy_low", "accuracy_high"]
    assert list(table)[-2:] == ["size_bytes", "latency_ms"]
    assert set(metrics.scores(shown=("full", "value"))) < set(table)
    assert {"roc_auc_low", "roc_auc_high"} < set(table) and "pr_auc_low" not in set(table)
    assert table.loc[0, "roc_auc_low"] <= table.loc[0, "roc_auc"] <= table.loc[0, "roc_auc_high"]
    assert pd.isna(table.loc[0, "size_bytes"]) and table.loc[1, "size_bytes"] == 10


def test_an_empty_leaderboard_is_refused() -> None:
    with pytest.raises(LoopbookError, match="at least one candidate"):
        leaderboard([0, 1], {})


def test_latency_decides_one_row_at_a_time_and_warms_up() -> None:
    class Counting:
        def __init__(self) -> None:
            self.sizes: list[int] = []

        def answer(self, frame: pd.DataFrame) -> np.ndarray:
            self.sizes.append(len(frame))
            return np.zeros(len(frame))

    model = Counting()
    measured = latency(model, pd.DataFrame({"x": range(3)}), repeats=20)
    assert model.sizes == [1] * 30
    assert 0 <= measured["median_ms"] <= measured["p95_ms"]
