"""A small made-up world for monitoring: rows with known scores, outcomes, words and segments, made in no time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from loopbook.monitoring.timeline import Log, prepare
from loopbook.scenario.contract import Scenario

COMPANIES, TOPICS = 20, 8
BASE = 0.25


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return Scenario.model_validate(
        {
            "name": "made-up",
            "title": "Made up",
            "description": "Alerts to made-up posts.",
            "task": {"fields": {"text": "text"}, "label": {"column": "alert", "positive": [1], "names": ["no", "yes"]}},
            "source": {"kind": "csv", "path": "none.csv", "time": "time", "protected": ["style"]},
            "training": {"candidates": {"one": {"architecture": "majority"}}},
            "monitoring": {"segments": ["company", "topics"]},
        }
    )


@pytest.fixture(scope="session")
def rows() -> Callable[..., pd.DataFrame]:
    """Return a maker of rows: calibrated scores, words by Zipf's law, 20 companies, 8 topics, two styles."""

    def make(seed: int, days: int, per_day: int = 100, start: str = "2026-01-05", base: float = BASE) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        n = days * per_day
        label = (rng.random(n) < base).astype("int64")
        logit = 2 * (rng.normal(2 * label - 1, 1)) + np.log(BASE / (1 - BASE))
        zipf = 1 / np.arange(1, 401)
        words = rng.choice(400, (n, 12), p=zipf / zipf.sum())
        at = pd.Timestamp(start, tz="UTC") + pd.to_timedelta(
            np.repeat(np.arange(days), per_day) * 24 + rng.uniform(0, 23.9, n), unit="h"
        )
        probability = 1 / (1 + np.exp(-logit))
        return pd.DataFrame(
            {
                "time": at,
                "probability": probability,
                "action": np.where(probability >= 1 / 6, "alert", "ignore"),
                "label": label,
                "text": [" ".join(f"w{chr(97 + word // 26)}{chr(97 + word % 26)}" for word in row) for row in words],
                "company": [f"c{number}" for number in rng.integers(0, COMPANIES, n)],
                "topics": [f"t{number}" for number in rng.integers(0, TOPICS, n)],
                "style": rng.choice(["formal", "casual"], n),
            }
        )

    return make


@pytest.fixture(scope="session")
def quiet(scenario: Scenario, rows: Callable[..., pd.DataFrame]) -> Callable[..., Log]:
    """Return a maker of logs: 14 days of reference, then 20 days of stream, changed by `change` if there is one."""

    def make(
        seed: int,
        change: Callable[[pd.DataFrame, np.ndarray], pd.DataFrame] | None = None,
        days: int = 20,
        **given: object,
    ) -> Log:
        stream = rows(seed, days, start="2026-01-19", **given)
        if change is not None:
            day = (stream["time"].dt.normalize() - stream["time"].dt.normalize().min()).dt.days.to_numpy()
            stream = change(stream.copy(), day)
        return prepare(stream, rows(seed + 10_000, 14), scenario)

    return make


@pytest.fixture(scope="session")
def swinging(scenario: Scenario, rows: Callable[..., pd.DataFrame]) -> Callable[..., Log]:
    """Return a maker of logs in which nothing changes but the days: `swing` has the same effect on both sides.

    It is given the rows, a share for each row, the same for all of one day and group, and a random generator.
    """

    def make(
        seed: int,
        group: str | None,
        swing: Callable[[pd.DataFrame, np.ndarray, np.random.Generator], pd.DataFrame],
        days: int = 25,
    ) -> Log:
        sides = []
        for offset, length, start in ((0, days, "2026-02-02"), (10_000, 28, "2026-01-05")):
            rng = np.random.default_rng(seed + offset)
            frame = rows(seed + offset, length, start=start)
            groups = frame["time"].dt.date.astype(str) + ("" if group is None else frame[group])
            codes, names = pd.factorize(groups)
            sides.append(swing(frame, rng.beta(0.5, 1.5, len(names))[codes], rng))
        return prepare(*sides, scenario)

    return make
