from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, f1_score, log_loss, mean_absolute_error, r2_score, roc_auc_score
from tests.monitoring import several
from tests.monitoring.several import Drawn

from loopbook.monitoring import monitoring_page, performance
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


@pytest.mark.parametrize("classes", [3, 20])
def test_quality_of_several_classes_agrees_with_scikit_learn(classes: int) -> None:
    log = several.log(1, classes)
    table = performance.quality(log).set_index(["metric", "last"])
    inside = (log.stream.day > 12 - 7) & (log.stream.day <= 12)
    code, p = log.stream.code[inside], log.stream.probability[inside]
    assert table.loc[("accuracy", 12), "value"] == pytest.approx((p.argmax(axis=1) == code).mean())
    assert table.loc[("macro F1", 12), "value"] == pytest.approx(f1_score(code, p.argmax(axis=1), average="macro"))
    assert table.loc[("log loss", 12), "value"] == pytest.approx(log_loss(code, p[:, :-1], labels=range(classes)))
    assert table.loc[("cost per decision", 12), "value"] == pytest.approx((p.argmax(axis=1) != code).mean())
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


def test_quality_of_a_number_agrees_with_scikit_learn() -> None:
    log = several.numbers(1)
    table = performance.quality(log).set_index(["metric", "last"])
    inside = (log.stream.day > 12 - 7) & (log.stream.day <= 12)
    frame = log.stream.frame[inside]
    assert table.loc[("R²", 12), "value"] == pytest.approx(r2_score(frame["label"], frame["value"]))
    assert table.loc[("mean absolute error", 12), "value"] == pytest.approx(
        mean_absolute_error(frame["label"], frame["value"])
    )
    covered = frame["label"].between(frame["low"], frame["high"]).mean()
    assert table.loc[("coverage", 12), "value"] == pytest.approx(covered)
    assert covered == pytest.approx(0.9, abs=0.04)


def test_a_class_whose_probability_turns_wrong_is_named() -> None:
    def instead(drawn: Drawn, day: np.ndarray, rng: np.random.Generator) -> None:
        rows = (drawn.code == 1) & (day >= 8)  # what looked like the second class is now often of the third
        drawn.code[rows & (rng.random(len(day)) < 0.6)] = 2

    alarms = performance.calibration(several.log(1, 5, instead)).query("alarm")
    told = " ".join(alarms["title"])
    assert "probabilities of “c1” (outcome minus probability) down" in told
    assert "probabilities of “c2” (outcome minus probability) up" in told
    assert "“c0”" not in told
    assert "“c3”" not in told
    assert set(alarms["onset"]) <= {7, 8, 9}


def test_of_many_classes_the_commonest_with_enough_rows_are_watched() -> None:
    log = several.log(1, 77)
    watched = performance.calibrated(log)
    rows = np.bincount(log.reference.code, minlength=78)
    assert len(watched) == 10
    assert min(rows[watched]) >= max(rows[[at for at in range(78) if at not in watched]])
    assert f"of the {len(watched)} commonest ones" in monitoring_page.spread(log)
    assert performance.calibrated(several.log(1, 2)) == []


def test_a_model_that_is_right_less_often_is_noticed() -> None:
    def worse(drawn: Drawn, day: np.ndarray, rng: np.random.Generator) -> None:
        drawn.say((day >= 8) & (rng.random(len(day)) < 0.2), rng.permutation(drawn.code))

    found = performance.ranking(several.log(1, 5, worse))
    assert found["title"].iloc[0].startswith("accuracy down from 95% to ")
    assert found["onset"].iloc[0] in (7, 8, 9)


def later(frame: pd.DataFrame, day: np.ndarray) -> None:
    frame.loc[day >= 10, "label"] += 2


def wilder(frame: pd.DataFrame, day: np.ndarray) -> None:
    frame.loc[day >= 10, "label"] += np.random.default_rng(1).normal(0, 4, int((day >= 10).sum()))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (later, {"mean error in min (outcome minus prediction) up"}),
        (wilder, {"mean absolute error in min up", "share of outcomes within their interval down"}),
    ],
)
def test_a_number_that_is_predicted_worse_is_noticed(
    change: Callable[[pd.DataFrame, np.ndarray], None], told: set[str]
) -> None:
    log = several.numbers(1, change)
    found = performance.residual(log)
    assert told <= {title.partition(" from ")[0] for title in found["title"]}
    assert set(found["onset"]) <= {9, 10, 11}
    assert (found["day"] == found["last"] + log.delay).all()


def test_where_nothing_changed_several_classes_and_numbers_give_no_alarm() -> None:
    for seed in range(3):
        log = several.log(seed, 20)
        for check in (performance.outcomes, performance.calibration, performance.ranking):
            assert not check(log)["alarm"].any()
        assert performance.residual(several.numbers(seed)).empty
    assert performance.residual(several.log(1, 3)).empty
