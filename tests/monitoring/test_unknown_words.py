from collections.abc import Callable

import numpy as np
import pandas as pd

from loopbook.monitoring import unknown_words
from loopbook.monitoring.timeline import Log, prepare
from loopbook.scenario.contract import Scenario


def renamed(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
    late = day >= 8
    stream.loc[late, "text"] = stream.loc[late, "text"].str.replace("wab", "zorp").str.replace("wac", "quux")
    return stream


def few(scenario: Scenario) -> Log:
    reference = pd.DataFrame({"text": ["sun rain", "sun wind", "sun rain"], "day": [0, 0, 1]})
    stream = pd.DataFrame({"text": ["sun snow", "", "rain wind"], "day": [5, 5, 6]})
    shared = {"probability": 0.5, "action": "ignore", "label": 0, "company": "c", "topics": "t", "style": "s"}
    for frame in (reference, stream):
        frame["time"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(frame.pop("day"), unit="D")
    return prepare(stream.assign(**shared), reference.assign(**shared), scenario)


def test_a_reference_text_is_judged_by_other_days(scenario: Scenario) -> None:
    old, new = unknown_words.unknown(few(scenario))
    # 'wind' is on one day only, 'sun' and 'rain' on both.
    assert old.tolist() == [0.0, 0.5, 0.0]
    assert new[0] == 0.5
    assert np.isnan(new[1])
    assert new[2] == 0.0


def test_words_of_earlier_texts_are_known(scenario: Scenario) -> None:
    old, new = unknown_words.unknown(few(scenario), ["sun snow", "wind"])
    assert old.tolist() == [0.5, 0.0, 0.5]
    assert (new[0], new[2]) == (0.0, 0.5)


def test_new_words_are_found(quiet: Callable[..., Log]) -> None:
    log = quiet(1, renamed)
    alarms = unknown_words.watch(log).query("alarm")
    assert alarms["onset"].tolist() == [8]


def test_nothing_is_found_where_nothing_changed(quiet: Callable[..., Log]) -> None:
    log = quiet(2)
    assert unknown_words.watch(log)["alarm"].sum() == 0


def test_a_few_texts_full_of_slips_are_no_new_vocabulary(quiet: Callable[..., Log]) -> None:
    def slips(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        late = np.flatnonzero(day == 9)[:3]
        stream.loc[late, "text"] = [" ".join(f"zz{chr(97 + word)}{at}" for word in range(12)) for at in late]
        return stream

    assert not unknown_words.watch(quiet(4, slips))["alarm"].any()
