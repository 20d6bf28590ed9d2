"""A decision log whose truth is known by construction, and an agent that it could be the log of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from loopbook.data import relabelling
from loopbook.scenario.contract import Scenario


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return Scenario.model_validate(
        {
            "name": "test-agent",
            "title": "Test agent",
            "description": "Reads notes and raises an alarm.",
            "task": {
                "fields": {"text": "text", "size": "number", "place": "category"},
                "label": {"column": "y", "positive": ["bad"], "names": ["calm", "grave"]},
                "actions": ["leave", "act"],
            },
            "source": {"kind": "csv", "path": "rows.csv", "id": "id"},
            "training": {"candidates": {"majority": {"architecture": "majority"}}},
        }
    )


def build(count: int, seed: int = 0) -> pd.DataFrame:
    """Return a log of `count` decisions with the true label in `label`; the model is right more often than not."""
    random = np.random.default_rng(seed)
    label = (random.random(count) < 0.3).astype("int8")
    probability = np.clip(0.15 + 0.5 * label + random.normal(0, 0.2, count), 0.01, 0.99)
    return pd.DataFrame(
        {
            "row_id": pd.Series([f"r{number:05d}" for number in range(count)], dtype="str"),
            "time": pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 20, "min"),
            "group": pd.Series([f"g{number // 2}" for number in range(count)], dtype="str"),
            "probability": probability,
            "action": pd.Series(np.where(probability >= 0.4, "act", "leave"), dtype="str"),
            "reviewed": False,
            "weight": np.float32(1),
            "text": pd.Series(
                np.where(label == 1, "Grave losses at the plant!", "A calm day at the plant."), dtype="str"
            ),
            "size": random.normal(label, 1.0),
            "place": pd.Series(random.choice(["north", "south"], count), dtype="str"),
            "label": pd.array(label, dtype="Int8"),
        }
    )


@pytest.fixture(scope="session")
def decide() -> Callable[..., pd.DataFrame]:
    return build


@pytest.fixture
def decisions() -> pd.DataFrame:
    return build(1_500)


@pytest.fixture
def truth(decisions: pd.DataFrame) -> dict[str, int]:
    return dict(zip(decisions["row_id"], decisions["label"].astype(int), strict=True))


@pytest.fixture
def contents(decisions: pd.DataFrame, scenario: Scenario) -> dict[str, str]:
    return relabelling.fingerprints(decisions, scenario.task)
