import numpy as np
import pytest
from tests.monitoring import day_effects
from tests.monitoring.day_effects import Kind

from loopbook.statistics import day_spread
from loopbook.statistics.day_spread import Daily


def base(rows: int, days: int, columns: int, seed: int = 1, **given: float) -> Daily:
    kind = Kind(rows, weekdays=False, holidays=False, **given)
    count, yes = day_effects.counts(np.random.default_rng(seed), kind, days, columns)
    return day_effects.daily(np.repeat(count[:, None], columns, axis=1), yes)


@pytest.mark.parametrize(("rows", "correlation"), [(20, 0.06), (200, 0.06), (2000, 0.0015)])
def test_the_correlation_of_the_rows_of_a_day_is_estimated(rows: int, correlation: float) -> None:
    assert day_spread.pooled(base(rows, 60, 50)).correlation == pytest.approx(correlation, rel=0.25)


def test_independent_rows_are_taken_to_have_the_floor() -> None:
    assert day_spread.pooled(base(200, 60, 50, correlation=0.0)).correlation == day_spread.FLOOR


def test_few_days_of_many_quantities_teach_the_spread_and_of_one_they_do_not() -> None:
    assert day_spread.pooled(base(200, 7, 50)).freedom > 20
    assert day_spread.pooled(base(200, 7, 1)).freedom == 0


@pytest.mark.parametrize(("days", "kinds"), [(5, 1), (7, 2), (20, 2), (28, 7), (90, 7)])
def test_so_many_days_teach_so_much_of_the_week(days: int, kinds: int) -> None:
    assert len(set(base(200, days, 1).kinds().tolist())) == kinds


def test_five_weekdays_teach_no_weekend() -> None:
    assert set(base(200, 5, 1).kinds().tolist()) == {0}


def test_days_and_their_values_by_hand() -> None:
    found = Daily.of([np.array([1.0, 0.0, 1.0, np.nan])], np.array([0, 0, 2, 2]), 3, None)
    assert found.value[:, 0].tolist()[::2] == [0.5, 1.0]
    assert np.isnan(found.value[1, 0])
    assert (1 / found.inverse[:, 0]).tolist() == pytest.approx([2, 0, 1])
