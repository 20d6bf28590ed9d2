"""Lists that hold ever fewer items raise an alert; lists that are as they were, few or many, raise none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopbook.monitoring import alerts, narrowing
from loopbook.monitoring.timeline import Log, prepare
from loopbook.scenario import loading

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = loading.load("book-shop", ROOT / "notebooks" / "scenarios", "smoke", {})
ITEMS, PLACES = 200, 10


def lists(seed: int, days: int, start: str, a_day: int, narrow_from: int | None = None) -> pd.DataFrame:
    """Return places of lists whose items are drawn by popularity, from a day on ever more by the popular ones."""
    random = np.random.default_rng(seed)
    weight = 1 / np.arange(5, ITEMS + 5)
    found = []
    for day in range(days):
        late = 0 if narrow_from is None else max(0, day - narrow_from + 1)
        own = weight ** (1 + min(1.0, 0.25 * late))
        keys = np.log(own) + random.gumbel(size=(a_day, ITEMS))  # ten without replacement (Gumbel top k)
        found.append(np.argsort(-keys, axis=1)[:, :PLACES])
    items = np.stack(found).reshape(-1)
    time = pd.Timestamp(start, tz="UTC") + pd.to_timedelta(np.repeat(np.arange(days * a_day) / a_day, PLACES), unit="D")
    rows = pd.DataFrame({"time": time, "item": [f"b{at}" for at in items], "shown": np.arange(len(items)) // PLACES})
    known = {name: "x" if kind != "number" else 1.0 for name, kind in SCENARIO.task.fields.items()}
    p = 0.1 + 0.01 * random.random(len(rows))
    label = (random.random(len(rows)) < 0.1).astype(int)
    more = {"users_age": 30, "probability": p, "label": label, "action": "show", "cost": 0.0}
    return rows.assign(row_id=[f"{seed}-{at}" for at in range(len(rows))], **known, **more)


def log(seed: int, a_day: int, narrow_from: int | None = None) -> Log:
    stream = lists(seed, 20, "2026-02-01", a_day, narrow_from)
    return prepare(stream, lists(seed + 1_000, 14, "2026-01-10", a_day), SCENARIO)


@pytest.mark.parametrize("a_day", [10, 60])
def test_lists_that_stay_as_they_are_raise_no_alert(a_day: int) -> None:
    for seed in range(6):
        found = narrowing.watch(log(seed, a_day))
        assert not found["alarm"].any(), (seed, found["evidence"].tolist())


@pytest.mark.parametrize("a_day", [10, 60])
def test_lists_that_narrow_raise_one_with_its_share_before_and_after(a_day: int) -> None:
    for seed in range(3):
        made = log(seed, a_day, narrow_from=8)
        found = narrowing.watch(made)
        raised = alerts.incidents(made, [found])[1]
        assert raised and raised[0].cause == "narrowing" and raised[0].day >= 8
        first = found[found["alarm"]].iloc[0]
        assert first["value"] > 1.25 * first["expected"]
        assert "lists that hold the same item" in first["evidence"]


def test_the_value_of_rows_is_simpsons_index_by_day() -> None:
    made = log(1, 10)
    rows = made.stream.frame.assign(day=made.stream.day, value=narrowing._same(made.stream))
    for _, day in rows.groupby("day"):
        item, shown = day["item"].to_numpy(), day["shown"].to_numpy()
        other = shown[:, None] != shown[None]
        share = ((item[:, None] == item[None]) & other).sum(axis=1) / other.sum(axis=1)
        assert day["value"].mean() == pytest.approx(share.mean())
