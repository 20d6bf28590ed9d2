from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from loopbook.monitoring import performance
from loopbook.monitoring.timeline import Log


def test_quality_of_a_window_agrees_with_scikit_learn(quiet: Callable[..., Log]) -> None:
    log = quiet(1)
    table = performance.quality(log).set_index(["metric", "last"])
    inside = (log.stream.day > 12 - 7) & (log.stream.day <= 12)
    label, probability = log.stream.event[inside], log.stream.chance[inside]
    assert table.loc[("ROC AUC", 12), "value"] == pytest.approx(roc_auc_score(label, probability))
    assert table.loc[("Brier score", 12), "value"] == pytest.approx(brier_score_loss(label, probability))
    assert table.loc[("Brier score", 12), "day"] == 12 + log.delay
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


def test_days_that_differ_widen_the_interval(quiet: Callable[..., Log]) -> None:
    def strewn(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        return stream.assign(label=(stream["label"] + (np.arange(len(stream)) % 5 == 0)) % 2)

    def by_day(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        return stream.assign(label=(stream["label"] + (day % 5 == 0)) % 2)

    widths = []
    for wrong in (strewn, by_day):  # as many wrong labels: over all days, or all on some days
        table = performance.quality(quiet(1, wrong)).query("metric == 'Brier score'")
        widths.append((table["high"] - table["low"]).median())
    assert widths[1] > 2 * widths[0]


def test_a_new_base_rate_is_known_when_outcomes_arrive(quiet: Callable[..., Log]) -> None:
    def more(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        rare = (stream["label"] == 0) & (day >= 10) & (np.arange(len(stream)) % 3 > 0)
        return stream[~rare]

    alarms = performance.outcomes(quiet(1, more)).query("alarm")
    assert alarms["onset"].tolist() == [10]
    assert 15 <= alarms["day"].iloc[0] <= 17


def test_probabilities_that_turn_too_low_are_noticed(quiet: Callable[..., Log]) -> None:
    def lower(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        return stream.assign(probability=stream["probability"].where(day < 9, stream["probability"] * 0.4))

    log = quiet(1, lower)
    alarms = performance.calibration(log).query("alarm")
    assert alarms["onset"].tolist() == [9]
    assert alarms["value"].iloc[0] > 0.08
    assert not performance.outcomes(log)["alarm"].any()


def test_a_model_that_ranks_worse_is_noticed_once_a_window(quiet: Callable[..., Log]) -> None:
    def shuffled(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        late = np.flatnonzero(day >= 8)
        probability = stream["probability"].to_numpy(copy=True)
        probability[late] = np.random.default_rng(1).permutation(probability[late])
        return stream.assign(probability=probability)

    alarms = performance.ranking(quiet(1, shuffled)).query("alarm")
    assert alarms["last"].iloc[0] in (9, 10, 11)
    assert (np.diff(alarms["last"]) >= 7).all()


def test_where_nothing_changed_there_is_no_alarm(quiet: Callable[..., Log]) -> None:
    for seed in range(4):
        log = quiet(seed)
        for check in (performance.outcomes, performance.calibration, performance.ranking):
            assert not check(log)["alarm"].any()


def test_outcomes_that_are_not_known_do_not_count(quiet: Callable[..., Log]) -> None:
    log = quiet(1, lambda stream, day: stream.assign(label=stream["label"].where(day < 12)))
    table = performance.outcomes(log)
    assert table["value"][12:].isna().all() or (table["p"][19:] == 1).all()
    assert performance.quality(log).query("last >= 18").empty


def blind(frame: pd.DataFrame, share: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Serious posts that look like others to the model, on some days more."""
    at = (frame["label"] == 1) & (rng.random(len(frame)) < share)
    others = rng.choice(frame["probability"][frame["label"] == 0], len(frame))
    return frame.assign(probability=frame["probability"].where(~at, others))


def test_days_on_which_the_model_ranks_worse_are_no_loss(swinging: Callable[..., Log]) -> None:
    alarms = sum(int(performance.ranking(swinging(seed, None, blind))["alarm"].any()) for seed in range(12))
    assert alarms <= 1  # of 300 days, at one in 1,200
