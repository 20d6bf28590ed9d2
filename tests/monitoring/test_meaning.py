from collections.abc import Callable

import numpy as np
import pandas as pd

from loopbook.monitoring import meaning
from loopbook.monitoring.timeline import Log


def harmless(topics: set[str]) -> Callable[[pd.DataFrame, np.ndarray], pd.DataFrame]:
    """From day 10 on, what used to be bad news in these topics is none."""

    def change(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        return stream.assign(label=stream["label"].where(~(stream["topics"].isin(topics) & (day >= 10)), 0))

    return change


def test_a_topic_that_has_come_to_mean_something_else_is_named(quiet: Callable[..., Log]) -> None:
    alarms = meaning.watch(quiet(1, harmless({"t1"}), per_day=200)).query("alarm")
    assert set(alarms["place"]) == {"topics “t1”"}
    assert alarms["onset"].between(8, 12).all()
    assert alarms["day"].min() <= 10 + 5 + 3
    assert (alarms["value"] < alarms["expected"]).all()


def test_topics_that_stay_are_not_named_beside_those_that_fell(quiet: Callable[..., Log]) -> None:
    alarms = meaning.watch(quiet(2, harmless({"t1", "t4", "t6"}), per_day=200)).query("alarm")
    assert set(alarms["place"]) == {"topics “t1”", "topics “t4”", "topics “t6”"}


def test_a_change_of_all_topics_is_no_change_of_meaning_in_one(quiet: Callable[..., Log]) -> None:
    def everywhere(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        lucky = np.random.default_rng(5).random(len(stream)) < 0.5
        return stream.assign(label=stream["label"].where(~((day >= 10) & lucky), 0))

    assert not meaning.watch(quiet(3, everywhere, per_day=200))["alarm"].any()


def test_where_nothing_changed_there_is_no_alarm(quiet: Callable[..., Log]) -> None:
    assert not any(meaning.watch(quiet(seed))["alarm"].any() for seed in range(8))


def fewer(frame: pd.DataFrame, share: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Outcomes that fail to come, in some topics on some days more."""
    return frame.assign(label=frame["label"].where(rng.random(len(frame)) >= share, 0))


def test_topics_whose_days_differ_have_not_changed_their_meaning(swinging: Callable[..., Log]) -> None:
    alarms = sum(int(meaning.watch(swinging(seed, "topics", fewer))["alarm"].any()) for seed in range(6))
    assert not alarms  # in 150 days, at one in 1,200
