from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.monitoring import drift
from loopbook.monitoring.timeline import Log, prepare
from loopbook.scenario.contract import Scenario


def test_class_index_by_hand() -> None:
    # (0.6 - 0.5) ln(0.6 / 0.5) + (0.4 - 0.5) ln(0.4 / 0.5)
    assert drift.class_index(0.6, 0.5) == pytest.approx(0.0405, abs=1e-4)


@given(st.floats(0, 1), st.floats(0, 1))
def test_class_index_is_symmetric_and_not_negative(one: float, other: float) -> None:
    assert drift.class_index(one, other) == pytest.approx(drift.class_index(other, one))
    assert drift.class_index(one, other) >= 0


def test_the_scores_tell_of_a_new_base_rate_before_any_outcome(
    rows: Callable[..., pd.DataFrame], scenario: Scenario
) -> None:
    before, after = rows(1, 10, start="2026-01-19"), rows(2, 10, start="2026-01-29", base=0.5)
    stream = pd.concat([before, after], ignore_index=True).assign(label=np.nan)
    alarms = drift.classes(prepare(stream, rows(3, 14), scenario)).query("alarm")
    assert alarms["onset"].tolist() == [10]
    assert alarms["day"].iloc[0] <= 12
    assert alarms["value"].iloc[0] == pytest.approx(0.5, abs=0.1)


def test_scores_that_tell_nothing_apart_give_no_base_rate(quiet: Callable[..., Log], scenario: Scenario) -> None:
    log = quiet(1)
    frames = [side.frame.assign(probability=np.linspace(0.2, 0.21, len(side))) for side in (log.stream, log.reference)]
    assert drift.classes(prepare(*frames, scenario)).empty


def table_scenario(scenario: Scenario) -> Scenario:
    values = scenario.model_dump()
    values["task"]["fields"] = {"size": "number", "age": "number", "kind": "category"}
    values["monitoring"]["segments"] = []
    return Scenario.model_validate(values)


def with_fields(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return frame.assign(
        size=rng.normal(size=len(frame)),
        age=np.where(rng.random(len(frame)) < 0.1, np.nan, rng.exponential(size=len(frame))),
        kind=rng.choice(["a", "b", "c", ""], len(frame)),
    )


def test_the_field_that_moved_is_named_and_no_other(rows: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    stream, reference = with_fields(rows(1, 20, start="2026-01-19"), 1), with_fields(rows(2, 14), 2)
    late = (stream["time"] >= pd.Timestamp("2026-01-31", tz="UTC")).to_numpy()
    for field, changed in (("size", stream["size"] + 0.8), ("kind", "a"), ("age", np.nan)):
        moved = stream.assign(**{field: stream[field].mask(late, changed)})
        alarms = drift.fields(prepare(moved, reference, table_scenario(scenario))).query("alarm")
        assert set(alarms["place"]) == {field}
        assert alarms["onset"].iloc[0] in (11, 12, 13)


def test_fields_that_stay_give_no_alarm(rows: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    for seed in range(3):
        stream = with_fields(rows(seed, 20, start="2026-01-19"), seed)
        log = prepare(stream, with_fields(rows(seed + 50, 14), seed + 50), table_scenario(scenario))
        assert not drift.fields(log)["alarm"].any()
        assert not drift.score(log)["alarm"].any()
