from __future__ import annotations

import pandas as pd
import pytest

from loopbook.simulation import plant


def test_a_quiet_plant_has_no_failure_and_a_failing_one_is_the_same_before_the_first() -> None:
    quiet, failing = plant.simulate(40, 3), plant.simulate(40, 3, failures_from=10, every_days=6)
    assert len(quiet.failures) == 0 < len(failing.failures)
    pd.testing.assert_frame_equal(plant.simulate(40, 3).readings, quiet.readings)
    first = failing.failures["begins"].min()
    assert first >= pd.Timestamp("2026-01-11", tz="UTC")
    early = [made.readings[pd.to_datetime(made.readings["time"]) < first].iloc[:1000] for made in (quiet, failing)]
    assert early[0]["temperature"].mean() == pytest.approx(early[1]["temperature"].mean(), abs=0.5)


def test_steps_are_lost_and_half_a_day_is_missing() -> None:
    time = pd.to_datetime(plant.simulate(20, 1).readings["time"])
    steps = time.diff().dropna()
    assert steps.median() == pd.Timedelta(minutes=5) and steps.max() >= pd.Timedelta(hours=12)
    assert len(time) < 20 * 288 * 0.96
