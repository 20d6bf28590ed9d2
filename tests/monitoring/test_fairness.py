import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.monitoring import several
from tests.monitoring.several import Drawn

from loopbook.monitoring import fairness
from loopbook.monitoring.timeline import Log


def overlooked(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
    """A third of the serious casual posts are not acted on."""
    casual = (stream["style"] == "casual") & (stream["label"] == 1) & (np.arange(len(stream)) % 3 == 0)
    return stream.assign(action=stream["action"].where(~casual, "ignore"))


def test_difference_is_that_of_newcombe() -> None:
    # Newcombe (1998), table II, first column: 56/70 against 48/80, method 10: 0.2 [0.0524, 0.3339].
    value, low, high, _ = fairness.difference((48, 56), (80, 70))
    assert (value, low, high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_rates_by_hand(quiet: Callable[..., Log]) -> None:
    log = quiet(1, overlooked)
    table = fairness.rates(log).set_index(["group", "measure"])
    frame = log.stream.frame
    serious = frame[(frame["style"] == "casual") & (frame["label"] == 1)]
    assert table.loc[("casual", "recall"), "value"] == pytest.approx((serious["action"] == "alert").mean())
    assert table.loc[("casual", "recall"), "rows"] == len(serious)


def test_a_gap_is_found_once_and_names_the_groups(quiet: Callable[..., Log]) -> None:
    alarms = fairness.watch(quiet(1, overlooked, per_day=200)).query("alarm")
    assert alarms["place"].tolist() == ["style: recall"]
    assert re.search(r"lower for casual \(n = \d+\) than for formal \(n = \d+\)", alarms["evidence"].iloc[0])


def test_the_recall_gap_is_the_difference_of_recalls(quiet: Callable[..., Log]) -> None:
    log = quiet(1, overlooked)
    table = fairness.gaps(log, reference=False).set_index("measure")
    recall = fairness.rates(log).query("measure == 'recall'").set_index("group")["value"]
    assert table.loc["recall", "value"] == pytest.approx(recall["formal"] - recall["casual"])
    assert fairness.gap(log) > 0.1


def test_equal_treatment_gives_no_alarm(quiet: Callable[..., Log]) -> None:
    assert not any(fairness.watch(quiet(seed))["alarm"].any() for seed in range(5))


def missed(frame: pd.DataFrame, share: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Serious posts that are not acted on, on some days more."""
    hidden = (frame["label"] == 1) & (rng.random(len(frame)) < share)
    return frame.assign(action=frame["action"].where(~hidden, "ignore"))


def test_days_on_which_a_group_fares_worse_make_no_gap(swinging: Callable[..., Log]) -> None:
    alarms = sum(int(fairness.watch(swinging(seed, "style", missed))["alarm"].sum()) for seed in range(6))
    assert not alarms  # in 150 days, at one in 1,200


def test_the_design_effect_by_hand() -> None:
    # Two days of ten rows, 2 and 8 hits: squares around 5 are 18, twice that over 20 · 1/4 is 7.2.
    hits, of = fairness.effective(np.array([[2, 8], [10, 10]]))
    assert (hits, of) == pytest.approx((10 / 7.2, 20 / 7.2))


def worse_served(drawn: Drawn, day: np.ndarray, rng: np.random.Generator) -> None:
    """A third of the casual rows of the second class is answered as others are."""
    rows = (drawn.frame["style"] == "casual").to_numpy() & (drawn.code == 1) & (rng.random(len(day)) < 0.4)
    drawn.say(rows, rng.permutation(drawn.code))


def test_of_several_classes_accuracy_is_compared_and_that_of_each_common_class() -> None:
    log = several.log(1, 8, worse_served, days=30)
    common = np.argsort(-np.bincount(log.reference.code), kind="stable")[:5]
    assert fairness.measures(log) == ("accuracy", *(f"accuracy of “c{at}”" for at in common))
    assert fairness.name(log) == "accuracy_gap"
    alarms = fairness.watch(log).query("alarm")
    assert alarms["place"].tolist() == ["style: accuracy of “c1”"]
    assert alarms["title"].iloc[0].endswith("points lower for casual than for formal")


def test_rates_of_several_classes_by_hand() -> None:
    log = several.log(1, 3)
    table = fairness.rates(log).set_index(["group", "measure"])
    side = log.stream
    casual = (side.frame["style"] == "casual").to_numpy()
    assert table.loc[("casual", "accuracy"), "value"] == pytest.approx((side.said == side.code)[casual].mean())
    inside = casual & (side.code == 2)
    assert table.loc[("casual", "accuracy of “c2”"), "value"] == pytest.approx((side.said[inside] == 2).mean())
    assert table.loc[("casual", "accuracy of “c2”"), "rows"] == inside.sum()
    assert table.loc[("casual", "share of action “c0”"), "value"] == pytest.approx((side.said[casual] == 0).mean())


def test_equal_treatment_over_several_classes_gives_no_alarm() -> None:
    assert not any(fairness.watch(several.log(seed, 8))["alarm"].any() for seed in range(4))
