"""Of served lists those clicks count that a reader can have made: a keen one stays, a click farm does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.decisions import click_fraud
from loopbook.decisions.click_fraud import AGAIN, FRAUD, HASTY
from loopbook.decisions.list_log import LINE

PLACES, START = 10, pd.Timestamp("2026-03-02 08:00", tz="UTC")
THETA = np.arange(1, PLACES + 1) ** -0.6
LOOKED = pd.DataFrame({"value": THETA, "high": np.minimum(1, 1.1 * THETA)}, index=pd.RangeIndex(1, PLACES + 1))


def lists(user: str, clicked: list[np.ndarray], every: str = "1D", start: pd.Timestamp = START) -> pd.DataFrame:
    """Return lists of a user, of which it is said at which places they clicked; books differ from list to list."""
    times = pd.date_range(start, periods=len(clicked), freq=every)
    rows = [
        {
            "row_id": f"{user}-{number}-{place}", "shown": f"{user}-{number}", "written": when, "query": user,
            "item": f"b{number * PLACES + place}", "place": place + 1, "label": int(own[place]),
        }
        for number, (own, when) in enumerate(zip(clicked, times, strict=True))
        for place in range(PLACES)
    ]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=list(LINE)).astype({"label": "Int8"})


def honest(user: str, relevance: float, random: np.random.Generator, many: int = 12) -> pd.DataFrame:
    return lists(user, list(random.random((many, PLACES)) < THETA * relevance))


def left_out(shown: pd.DataFrame) -> set[str]:
    why = click_fraud.why(shown, LOOKED, 120)
    return set(shown.loc[why == FRAUD, "query"])


@pytest.mark.parametrize("seed", range(5))
def test_readers_keen_ones_too_stay_and_click_farms_are_found(seed: int) -> None:
    random = np.random.default_rng(seed)
    crowd = [honest(f"r{at}", random.beta(2, 10), random) for at in range(60)]
    keen = [honest("keen", 0.8, random, 60), honest("everything", 1.0, random, 60)]
    farm = lists("farm", [np.ones(PLACES, dtype=bool)] * 4)
    half = lists("half", list(random.random((25, PLACES)) < 0.75))
    deep = np.zeros((14, PLACES), dtype=bool)
    deep[:, -3:] = True  # few clicks, but where hardly anybody looks
    found = left_out(pd.concat([*crowd, *keen, farm, half, lists("deep", list(deep))], ignore_index=True))
    assert found == {"farm", "half", "deep"}


def test_one_item_pushed_by_many_lists_is_one_click_a_day_and_lists_beyond_an_hour_do_not_count() -> None:
    first = np.zeros(PLACES, dtype=bool)
    first[5] = True
    pushed = lists("pusher", [first] * 40, every="1min").assign(item=lambda rows: [f"b{at % 10}" for at in range(400)])
    why = click_fraud.why(pushed, LOOKED, 120)
    counted = pushed[why == ""]
    assert len(counted) == PLACES and counted["label"].sum() == 1, "a user has one list all day"
    assert set(why) == {"", AGAIN}

    why = click_fraud.why(pushed, LOOKED, 15)
    assert (why == HASTY).sum() == 25 * PLACES and pushed.loc[why == HASTY, "written"].min() > START


def test_a_click_goes_before_a_view_of_the_same_day_whichever_list_was_reported() -> None:
    views = lists("r1", [np.zeros(PLACES, dtype=bool)] * 2, every="1h").assign(item=[f"b{at % 10}" for at in range(20)])
    views["label"] = pd.Series([pd.NA] * 13 + [1] + [pd.NA] * 6, dtype="Int8")
    counted = views[click_fraud.why(views, LOOKED, 120) == ""]
    assert counted["item"].is_unique and len(counted) == PLACES
    assert counted.loc[counted["item"] == "b3", "label"].tolist() == [1]


def test_without_examination_nobody_is_called_a_fraud_and_no_report_is_no_evidence() -> None:
    farm = lists("farm", [np.ones(PLACES, dtype=bool)] * 4)
    assert (click_fraud.why(farm, None, 120) == "").all()
    assert (click_fraud.why(farm.assign(label=pd.Series(pd.NA, farm.index, dtype="Int8")), LOOKED, 120) == "").all()
    assert click_fraud.why(farm.head(0), LOOKED, 120).empty
