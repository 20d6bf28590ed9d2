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


TOPICS = ("billing", "delivery", "returns", "praise", "fraud")


def of_task(task: dict, **more: object) -> Scenario:
    """Return a scenario of another type of task, with the same fields."""
    return Scenario.model_validate(
        {
            "name": "test-agent",
            "title": "Test agent",
            "description": "Sorts notes.",
            "task": {"fields": {"text": "text", "size": "number", "place": "category"}, **task},
            "source": {"kind": "csv", "path": "rows.csv", "id": "id"},
            "training": {"candidates": {"majority": {"architecture": "majority"}}},
            **more,
        }
    )


@pytest.fixture(scope="session")
def sorting() -> Scenario:
    """Return an agent that decides among five classes, each with an action of its name."""
    values = {"1": "billing", "2": "delivery", "3": "returns"}
    return of_task({"type": "multiclass", "label": {"column": "topic", "values": values}})


@pytest.fixture(scope="session")
def estimating() -> Scenario:
    """Return an agent that decides by a number, which the source writes with a decimal comma and its unit."""
    source = {"kind": "csv", "path": "rows.csv", "id": "id", "decimal": ",", "thousands": ".", "units": {"t": "min"}}
    task = {"type": "number", "label": {"column": "t", "limits": [30], "unit": "min"}, "actions": ["queue", "hurry"]}
    return of_task(task, source=source)


def sorted_log(count: int, seed: int = 0, classes: tuple[str, ...] = TOPICS) -> pd.DataFrame:
    """Return a log of an agent that sorts, right in four of five cases, and else takes one class for its neighbour."""
    random, k = np.random.default_rng(seed), len(classes)
    weight = np.linspace(2, 1, k)
    code = random.choice(k, count, p=weight / weight.sum())
    said = np.where(random.random(count) < 0.8, code, (code + 1) % k)
    names = np.array(classes, dtype=object)
    return build(count, seed).assign(
        probability=random.uniform(0.4, 1, count),
        answer=pd.Series(names[said], dtype="str"),
        action=pd.Series(names[said], dtype="str"),
        text=pd.Series([f"A note on {name}" for name in names[code]], dtype="str"),
        label=pd.Categorical.from_codes(code, categories=list(classes)),
    )


def estimated_log(count: int, seed: int = 0) -> pd.DataFrame:
    """Return a log of an agent that estimates minutes."""
    random = np.random.default_rng(seed)
    value = random.normal(30, 10, count)
    said = value + random.normal(0, 5, count)
    return build(count, seed).assign(
        value=said, action=pd.Series(np.where(said > 30, "hurry", "queue"), dtype="str"), label=value
    )


def known(log: pd.DataFrame) -> dict[str, object]:
    """Return the labels of a log by row."""
    return dict(zip(log["row_id"], log["label"].tolist(), strict=True))


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


TONES = ("<b>angry</b>", "None", "nan", "glad", "=1+1")  # hostile names are names


@pytest.fixture(scope="session")
def toned() -> Scenario:
    """Return an agent of two classes that also says the tone of a note."""
    task = {"label": {"column": "y", "positive": ["bad"], "names": ["calm", "grave"]}, "actions": ["leave", "act"]}
    return of_task({**task, "also": {"tone": {"column": "mood", "values": {"1": TONES[0], "2": TONES[3]}}}})


def toned_log(count: int, seed: int = 0) -> pd.DataFrame:
    """Return a log of it with the true tone beside the answer, as rows have it: known of two in three rows."""
    random = np.random.default_rng(seed)
    code = random.choice(len(TONES), count)
    said = np.where(random.random(count) < 0.8, code, (code + 1) % len(TONES))
    return build(count, seed).assign(
        tone=pd.Series(np.array(TONES, dtype=object)[said], dtype="str"),
        label_tone=pd.Categorical.from_codes(np.where(np.arange(count) % 3, code, -1), categories=list(TONES)),
    )
