"""Lists watched: what clicks, coverage, taste and new items show, held against worlds in which it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.monitoring import lists
from loopbook.statistics import examination

THETA = np.array([1.0, 0.6, 0.4, 0.3, 0.2])


def world(
    seed: int, count: int = 4_000, taste: float = 0.0, narrowing: float = 0.0, hidden: tuple[int, ...] = ()
) -> pd.DataFrame:
    """Return rows of lists of five from forty items; even items are 'crime', and liked less and less by `taste`."""
    random = np.random.default_rng(seed)
    pull = np.array([0.0 if at in hidden else 1.0 for at in range(40)])
    frames = []
    for number in range(count):
        late = number / count
        weight = pull * np.arange(1, 41) ** (-narrowing * late)
        item = random.choice(40, 5, replace=False, p=weight / weight.sum())
        relevance = np.where(item % 2 == 0, 0.4 - taste * (late > 0.5), 0.4)
        frames.append(
            np.column_stack([np.full(5, number), item, np.arange(1, 6), random.random(5) < THETA * relevance])
        )
    table = pd.DataFrame(np.concatenate(frames), columns=["shown", "item", "place", "label"])
    start = pd.Timestamp("2026-01-01", tz="UTC")
    return table.assign(
        item="b" + table["item"].astype(int).astype(str), time=start + table["shown"] * pd.Timedelta("10min")
    )


KIND = pd.Series({f"b{at}": "crime" if at % 2 == 0 else "travel" for at in range(40)})


def looked(rows: pd.DataFrame) -> pd.DataFrame:
    return examination.estimate(rows["place"], rows["label"], rows["item"], rows["shown"])


def test_rows_without_a_place_are_no_part_of_a_list_and_other_tables_have_none() -> None:
    rows = world(1, 20)
    rows.loc[3, "place"] = np.nan
    assert len(lists.of(rows)) == 99 and lists.of(rows)["place"].dtype == "int64"
    assert lists.of(pd.DataFrame({"label": [1]})).empty


def test_clicks_by_place_are_those_counted() -> None:
    rows = lists.of(world(2, 500))
    table = lists.by_place(rows)
    assert table["shown"].tolist() == [500] * 5
    assert table.loc[1, "value"] == pytest.approx(rows[rows["place"] == 1]["label"].mean())
    assert ((table["low"] < table["value"]) & (table["value"] < table["high"])).all()


@pytest.mark.parametrize(("narrowing", "found"), [(0.0, False), (3.0, True)])
def test_a_feedback_loop_shows_as_exposure_that_concentrates(narrowing: float, found: bool) -> None:
    covered = lists.coverage(lists.of(world(3, 1_500, narrowing=narrowing)), 50)
    assert covered["coverage"].max() <= 40 / 50
    assert len(covered) == lists.PERIODS and covered["lists"].sum() == 1_500
    assert (lists.feedback_loop(covered).low > 0) == found


@pytest.mark.parametrize(("taste", "found"), [(0.0, False), (0.15, True)])
def test_a_drift_of_taste_is_told_from_what_is_shown(taste: float, found: bool) -> None:
    rows = lists.of(world(4, taste=taste))
    table = lists.tastes(rows, KIND, looked(rows))
    assert (table.loc["crime", "p"] < 0.01) == found
    assert table.loc["travel", "p"] > 0.01
    assert not found or table.loc["crime", "change"] == pytest.approx(-taste, abs=0.06)


def test_new_items_that_are_never_shown_are_starved_and_others_are_not() -> None:
    rows = lists.of(world(5, 400, hidden=(7, 9)))
    table = lists.starved(rows, {"b7", "b9", "b11"}, 40)
    assert table["starved"].to_dict() == {"b7": True, "b9": True, "b11": False}
    few = lists.starved(rows.head(20), {"b7"}, 40)
    assert not few["starved"].any(), "from a few rows nothing can be told"
