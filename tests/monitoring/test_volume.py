from collections.abc import Callable

import numpy as np
import pandas as pd

from loopbook.monitoring import volume
from loopbook.monitoring.timeline import Log, prepare
from loopbook.scenario.contract import Scenario


def weekly(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    keep = np.where(frame["time"].dt.dayofweek >= 5, 0.6, 1.0)
    return frame[np.random.default_rng(seed).random(len(frame)) < keep]


def test_a_quiet_weekend_is_nothing_new(rows: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    reference, stream = weekly(rows(1, 21, 200), 1), weekly(rows(2, 21, 200, "2026-01-26"), 2)
    found = volume.watch(prepare(stream, reference, scenario))
    assert not found["alarm"].any()
    assert found["expected"][5] < 0.8 * found["expected"][4]


def test_a_day_with_half_the_posts_gives_an_alarm(quiet: Callable[..., Log]) -> None:
    def halved(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        return stream[(day != 9) | (np.arange(len(stream)) % 2 == 0)]

    found = volume.watch(quiet(1, halved))
    assert found["day"][found["alarm"]].tolist() == [9]


def test_a_reference_that_is_a_share_of_its_days_says_nothing_of_how_many_rows_a_day_has(
    rows: Callable[..., pd.DataFrame], scenario: Scenario
) -> None:
    reference, stream = rows(1, 9, 100, "2025-12-20"), rows(2, 9, 400, "2026-01-05")
    assert volume.watch(prepare(stream, reference, scenario))["alarm"].any()
    splits = scenario.data.splits.model_copy(update={"by": "stratum", "dates": (pd.Timestamp("2026-01-05").date(),)})
    dealt = scenario.model_copy(update={"data": scenario.data.model_copy(update={"splits": splits})})
    assert not volume.watch(prepare(stream, reference, dealt))["alarm"].any()


def test_the_first_and_last_day_may_be_cut(quiet: Callable[..., Log]) -> None:
    def cut(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        return stream[~np.isin(day, [0, 19]) | (np.arange(len(stream)) % 10 == 0)]

    assert not volume.watch(quiet(1, cut))["alarm"].any()


def test_an_empty_day_is_no_alarm_where_chance_alone_makes_one(
    rows: Callable[..., pd.DataFrame], scenario: Scenario
) -> None:
    def thin(seed: int, per_day: int, start: str) -> pd.DataFrame:
        frame = rows(seed, 56, 4 * per_day, start)
        return frame[np.random.default_rng(seed).random(len(frame)) < 0.25]

    def alarms(seed: int, per_day: int, gone: int | None = None) -> int:
        stream = thin(seed, per_day, "2026-03-02")
        if gone is not None:
            stream = stream[(stream["time"] - pd.Timestamp("2026-03-02", tz="UTC")).dt.days != gone]
        log = prepare(stream, thin(seed + 100, per_day, "2026-01-05"), scenario)
        return int(volume.watch(log)["alarm"].sum())

    assert sum(alarms(seed, 4) for seed in range(12)) <= 2, "672 days of four rows, about 1.8% of them empty"
    assert alarms(1, 20, gone=30) == 1, "a day without any of twenty is told"
