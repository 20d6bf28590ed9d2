"""Rows whose probabilities are right by construction, so that expected and realised costs can be held together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.decisions.building import Plan
from loopbook.decisions.costs import CostMatrix, matrix
from loopbook.scenario.decisions import Costs, DecisionsSettings
from loopbook.scenario.task import Binary, YesNo

PRICES = Costs(false_positive=2, false_negative=6, true_positive=-1, true_negative=0, review=0.4, review_error=0.05)

NAMES = "no", "yes"


def two(prices: Costs) -> CostMatrix:
    """Return the cost matrix of two classes from their four outcomes."""
    return CostMatrix(NAMES, NAMES, matrix(prices, NAMES, NAMES), prices.review, prices.review_error)


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    """Return rows with text, number, category, group, time, label, and the true probability in `p`."""
    random = np.random.default_rng(seed)
    p = random.beta(0.8, 1.6, count)
    label = (random.random(count) < p).astype("int8")
    told = np.where(random.random(count) < 0.8, label, 1 - label)
    return pd.DataFrame(
        {
            "row_id": [f"r{number:05d}" for number in range(count)],
            "time": pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(random.integers(0, 20 * 86_400, count), "s"),
            "group": [f"g{number}" for number in random.integers(0, max(2, count // 3), count)],
            "label": label,
            "weight": np.float32(1),
            "text": np.where(told == 1, "Grave loss at the plant!", "Calm day at the plant."),
            "mean size": np.where(random.random(count) < 0.1, np.nan, random.normal(label, 1.0, count)),
            "kind": random.choice(["a", "b", ""], count),
            "p": p,
        }
    )


@pytest.fixture(scope="session")
def task() -> Binary:
    return Binary(
        fields={"text": "text", "mean size": "number", "kind": "category"},
        label=YesNo(column="y", positive=("yes",), names=("calm", "grave")),
        actions=("ignore", "alert"),
    )


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    return rows(600)


@pytest.fixture(scope="session")
def settings() -> DecisionsSettings:
    return DecisionsSettings(costs=PRICES, review_capacity=0.2)


@pytest.fixture(scope="session")
def plan(task: Binary, settings: DecisionsSettings) -> Plan:
    return Plan.of(task, settings)
