from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.benchmarks.several_classes import CHANGES
from tests.monitoring import several

from loopbook.monitoring.timeline import Log, prepare
from loopbook.monitoring.watch import watch
from loopbook.scenario.contract import Scenario


def test_without_effects_alerts_keep_to_the_promise(quiet: Callable[..., Log]) -> None:
    logs = [quiet(seed, days=25) for seed in range(100, 104)]
    alerts = sum(len(watch(log).alerts) for log in logs)
    promised = logs[0].scenario.monitoring.false_alarms * 4 * 25 / 100
    assert stats.poisson.sf(alerts - 1, promised) > 0.01


def test_a_change_that_shows_everywhere_is_one_alert(quiet: Callable[..., Log]) -> None:
    def change(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        late = day >= 9
        stream.loc[late, "text"] = stream.loc[late, "text"].str.replace("wab", "zorp")
        dull = late & (np.random.default_rng(1).random(len(stream)) < 0.7)
        stream.loc[dull, "probability"] = 0.25
        stream.loc[dull, "action"] = "alert"
        return stream

    seen = watch(quiet(1, change))
    assert seen.alerts["cause"].tolist() == ["vocabulary"]
    assert set(seen.signals["check"]) >= {"vocabulary", "score", "ranking"}
    assert seen.alerts["cost"].iloc[0] > 0


def test_a_log_without_times_and_segments_is_watched_too(rows: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    values = scenario.model_dump()
    values["monitoring"]["segments"], values["source"]["protected"] = [], []
    plain = Scenario.model_validate(values)
    seen = watch(prepare(rows(1, 14).drop(columns="time"), rows(2, 14).drop(columns="time"), plain))
    assert set(seen.log.checks) == {"vocabulary", "flagged", "score", "classes", "outcomes", "calibration", "ranking"}
    assert seen.alerts.empty


def test_hostile_text_is_only_counted(quiet: Callable[..., Log]) -> None:
    def hostile(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        stream.loc[::50, "text"] = "<script>alert(1)</script> {value} %s =1+1"
        stream.loc[::50, "company"] = "{p} <b>x</b> | $y$"
        return stream

    seen = watch(quiet(1, hostile))
    assert len(seen.alerts) >= 1


@pytest.mark.parametrize("cause", CHANGES)
def test_a_change_of_several_classes_is_one_alert_with_its_cause(cause: str) -> None:
    seen = watch(several.log(1, 5, CHANGES[cause]))
    assert seen.alerts["cause"].tolist() == [cause]
    assert seen.alerts["first_day"].iloc[0] in (9, 10, 11)


def test_names_of_classes_are_any_text_and_stay_whole_in_alerts() -> None:
    hostile = ["<script>alert(1)</script>", "{value} %s", "a|b & “c”", "=1+1", "x" * 300]

    seen = watch(several.log(1, 5, CHANGES["base_rate"], names=hostile))
    assert seen.alerts["cause"].tolist() == ["base_rate"]
    assert hostile[1] in seen.alerts["title"].iloc[0]
    assert len(watch(several.log(1, 5, CHANGES["surge"], names=hostile)).alerts) == 1


def test_a_number_is_watched_too() -> None:
    log = several.numbers(1)
    assert {"residual", "score", "outcomes"} <= set(log.checks)
    assert "confusion" not in log.checks
    assert watch(log).alerts.empty
