from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from tests.monitoring import several
from tests.monitoring.several import Drawn

from loopbook.monitoring import performance, remedies
from loopbook.monitoring.alerts import Incident
from loopbook.monitoring.timeline import Log, prepare
from loopbook.scenario.contract import Scenario


def overconfident(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
    """The scores have lost their calibration: log odds of a third, so that far too much is acted on."""
    logit = np.log(stream["probability"] / (1 - stream["probability"])) / 3
    probability = 1 / (1 + np.exp(-logit))
    return stream.assign(probability=probability, action=np.where(probability >= 1 / 6, "alert", "ignore"))


def test_recalibration_saves_money_where_calibration_is_lost(quiet: Callable[..., Log]) -> None:
    log = quiet(1, overconfident)
    table = remedies.compare(log, [], log.prices.threshold).set_index("proposal")
    # Second method: what the calibrated scores, known here, would have cost on the same rows.
    true = 3 * np.log(log.stream.chance / (1 - log.stream.chance))
    costs = log.scenario.decisions.costs
    acted = true >= np.log((1 / 6) / (5 / 6))
    cost = np.where(
        log.stream.code == 1, np.where(acted, 0, costs.false_negative), np.where(acted, costs.false_positive, 0)
    )
    assert table.loc["recalibrate", "saving"] == pytest.approx(log.stream.cost.mean() - cost.mean(), abs=0.02)
    assert table.loc["recalibrate", "slope"] == pytest.approx(3, abs=0.5)
    assert table.loc["recalibrate", "low"] > 0
    assert table["recommended"].sum() == 1
    assert table["saving_30_days"].iloc[0] == pytest.approx(table["saving"].iloc[0] * 3000)


def test_what_people_reviewed_is_not_decided_anew(quiet: Callable[..., Log]) -> None:
    log = quiet(1, lambda stream, day: overconfident(stream, day).assign(reviewed=True))
    table = remedies.compare(log, [], 1 / 6)
    assert (table["saving"] == 0).all()
    assert not table["recommended"].any()


def test_what_waits_for_a_person_is_not_decided_and_its_cost_not_known(quiet: Callable[..., Log]) -> None:
    def waiting(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        held = np.arange(len(stream)) % 10 == 0
        return stream.assign(action=stream["action"].where(~held, "review"), cost=np.where(held, np.nan, 2.0))

    log = quiet(3, waiting)
    costs = performance.quality(log).query("metric == 'cost per decision'")
    assert (costs["value"] == 2.0).all()
    open_ = ~remedies._reviewed(log.stream, log)
    assert open_.sum() == 0.9 * len(log.stream)


def test_where_all_is_well_little_is_to_be_had(quiet: Callable[..., Log]) -> None:
    table = remedies.compare(quiet(2), [], 1 / 6)
    assert table["saving"].max() < 0.03


@pytest.mark.parametrize("days", [2, 4])
def test_where_nothing_is_to_be_had_a_remedy_is_recommended_no_more_often_than_is_said(
    quiet: Callable[..., Log], days: int
) -> None:
    """The best of three, over the rows of a few days: days drawn anew recommended one in 30 and 18% of the cases."""
    cases, found = 20, 0
    for seed in range(cases):
        table = remedies.compare(quiet(seed, days=days), [], 1 / 6)
        assert len(table) == 3
        found += table["recommended"].any()
    assert found <= binom.ppf(0.99, cases, 0.025)


def test_a_change_that_is_too_fresh_gives_no_proposal(quiet: Callable[..., Log]) -> None:
    one = Incident("meaning", ("topics “t1”",), 19, 19, 19, 19, (0,))
    assert remedies.compare(quiet(1), [one], 1 / 6).empty
    surge = Incident("surge", ("company “c1”",), 19, 19, 19, 19, (0,))
    assert len(remedies.compare(quiet(1), [surge], 1 / 6)) == 3


def overconfident_classes(drawn: Drawn, day: np.ndarray, rng: np.random.Generator) -> None:
    """The first class has become rare, and the model still expects it."""
    rows = (drawn.code == 0) & (rng.random(len(day)) < 0.9)
    drawn.code[rows] = rng.integers(1, len(drawn.names), int(rows.sum()))
    drawn.say()


def test_of_several_classes_recalibration_finds_the_new_shares() -> None:
    log = several.log(1, 5, overconfident_classes)
    table = remedies.compare(log, []).set_index("proposal")
    assert set(table.index) == {"recalibrate", "retrain"}
    # Second method: the scores with the priors that the stream has, known here.
    side = log.stream
    shares = np.bincount(side.code, minlength=6)[:5] / len(side)
    usual = 1 / np.arange(1, 6) / (1 / np.arange(1, 6)).sum()
    best = (side.probability[:, :5] * shares / usual).argmax(axis=1)
    saved = (side.said != side.code).mean() - (best != side.code).mean()
    assert table.loc["recalibrate", "saving"] == pytest.approx(saved, abs=0.005)
    assert saved > 0.005
    assert table.loc["recalibrate", "slope"] == pytest.approx(1, abs=0.1)
    assert table["threshold"].isna().all()


def test_of_several_classes_what_the_words_tell_is_learned_by_the_stand_in() -> None:
    def blind(drawn: Drawn, day: np.ndarray, rng: np.random.Generator) -> None:
        rows = rng.random(len(day)) < 0.5
        drawn.say(rows, rng.permutation(drawn.code))
        drawn.frame["text"] += [f" {word}" for word in np.array(["ape", "bee", "cat", "dog", "eel"])[drawn.code]]

    table = remedies.compare(several.log(1, 5, blind), []).set_index("proposal")
    assert table.index[0] == "retrain"
    assert table.loc["retrain", "recommended"]
    assert table.loc["retrain", "saving"] > 0.2


def test_costs_that_are_functions_of_a_number_are_decided_by_its_latest_errors() -> None:
    def later(frame: pd.DataFrame, day: np.ndarray) -> None:
        frame["label"] += 4

    log = several.numbers(1, later)
    values = log.scenario.model_dump()
    values["task"] |= {"actions": ["wait", "call"], "label": {"column": "minutes", "limits": [20.0]}}
    values["decisions"]["costs"] = {"function": {"wait": "0.2 * value", "call": "3 + 0.05 * value"}, "review": 0.5}
    stream, reference = (side.frame.drop(columns="answer") for side in (log.stream, log.reference))
    scores = [
        pd.DataFrame({"up to 20": 0.5, "above 20": 0.5, "row_id": part["row_id"]}) for part in (stream, reference)
    ]
    stream["action"] = np.where(stream["value"] > 20, "call", "wait")
    again = prepare(stream, reference, Scenario.model_validate(values), scores=(scores[0], scores[1]))
    table = remedies.compare(again, [])
    assert table["proposal"].tolist() == ["recalibrate"]
    # Second method: both costs are straight lines that meet at 20, so that with errors of 4 one calls from 16 on.
    label, value = stream["label"].to_numpy(), stream["value"].to_numpy()
    saved = np.where((value > 16) & (value <= 20), 0.15 * label - 3, 0.0)
    assert table["saving"].iloc[0] == pytest.approx(saved.mean(), abs=0.005)
    assert table["low"].iloc[0] > 0
