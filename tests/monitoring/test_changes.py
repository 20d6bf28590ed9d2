import numpy as np
import pytest
from scipy import stats
from tests.monitoring import class_effects, day_effects
from tests.monitoring.day_effects import Kind

from loopbook.monitoring import changes, shifts
from loopbook.monitoring.changes import Change
from loopbook.statistics.day_spread import Daily, Pooled


def watched(now: np.ndarray, base: np.ndarray, level: float = 1e-3) -> list[Change]:
    """Watch values of which each day has one, and which are as spread as they look."""
    sides = [
        Daily(side[:, None], np.where(np.isnan(side), np.inf, 0.5)[:, None], np.ones(1), np.zeros(1), None)
        for side in (now, base)
    ]
    return changes.watch(sides[0], sides[1], level, lambda column, value, expected: True, Pooled())


def test_a_lasting_change_is_found_once_with_the_day_on_which_it_began() -> None:
    rng = np.random.default_rng(3)
    now = rng.normal(size=20)
    now[8:] += 6
    (found,) = watched(now, rng.normal(size=30))
    assert (found.onset, found.back) == (8, False)
    assert found.day <= 10
    assert found.low < found.value < found.high


def test_the_next_change_is_found_as_well_and_one_that_goes_back_is_called_so() -> None:
    rng = np.random.default_rng(4)
    now = rng.normal(size=40)
    now[5:15] += 8
    now[28:] -= 8
    found = watched(now, rng.normal(size=30))
    assert [(one.onset, one.back) for one in found] == [(5, False), (15, True), (28, False)]


def test_one_odd_day_is_no_change_of_level() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        now = rng.normal(size=20)
        now[8] += 12
        assert not watched(now, rng.normal(size=60), 1e-4)


def test_days_without_rows_are_passed_over() -> None:
    rng = np.random.default_rng(6)
    now = rng.normal(size=40)
    now[5:20] = np.nan
    now[20:] += 6
    assert [one.onset for one in watched(now, rng.normal(size=30))] == [20]


@pytest.mark.parametrize(("level", "columns", "reference"), [(1e-2, 600, 30), (1e-2, 600, 7), (1e-3, 4000, 30)])
def test_the_limits_keep_the_level_for_independent_normal_days(level: float, columns: int, reference: int) -> None:
    rng = np.random.default_rng(7)
    base, now = (
        Daily(rng.normal(size=(days, columns)), np.ones((days, columns)), np.ones(columns), np.zeros(columns), None)
        for days in (reference, 60)
    )
    found = changes.watch(now, base, level, lambda column, value, expected: True, Pooled())
    # What was a false alarm goes back, with a second alarm of the same column.
    assert (
        0.4
        < len({change.column for change in found}) / (level * 60 * columns)
        < len(found) / (level * 60 * columns)
        < 1.4
    )


@pytest.mark.parametrize(
    ("rows", "columns", "reference"),
    [(20, 1, 7), (20, 20, 30), (20, 200, 7), (200, 1, 7), (200, 20, 7), (2000, 1, 30), (2000, 20, 7), (2000, 200, 30)],
)
def test_false_alarms_keep_the_promise_where_the_rows_of_a_day_are_alike(
    rows: int, columns: int, reference: int
) -> None:
    incidents, days, _ = day_effects.alarms(Kind(rows), columns, reference, 60, 25)
    # An exact one-sided test: the count is not above one in a hundred days.
    assert stats.poisson.sf(incidents - 1, days / 100) > 0.01


@pytest.mark.parametrize(("rise", "most"), [(0.3, 4), (0.2, 5), (0.1, 9), (0.05, 19)])
def test_a_rise_is_found_in_as_many_days_as_its_size_allows(rise: float, most: int) -> None:
    kind = Kind(200, share=0.4, weekdays=False, holidays=False)
    delays = day_effects.alarms(kind, 1, 30, 120, 600, rise).delays
    assert np.median(delays) <= most


@pytest.mark.parametrize(("days", "reference"), [(7, 30), (28, 30), (28, 90)])
def test_what_the_page_calls_found_is_found_in_time_more_often_than_not(days: int, reference: int) -> None:
    kind = Kind(200, share=0.4, weekdays=False, holidays=False)
    rise = shifts.detectable(0.01, days, reference) * float(np.sqrt(0.24 * (1 / 200 + kind.icc)))
    delays = day_effects.alarms(kind, 1, reference, 90, 300, rise).delays
    assert 0.5 < float((delays <= days).mean()) < 0.95


@pytest.mark.parametrize("rows", [200, 2000])
@pytest.mark.parametrize("classes", [3, 20, 77])
def test_shares_of_many_classes_keep_the_promise_together(rows: int, classes: int) -> None:
    found = class_effects.alarms("together", Kind(rows), classes, 30, 60, 20)
    assert stats.poisson.sf(found.incidents - 1, found.days / 100) > 0.01


@pytest.mark.parametrize("share", [0.05, 0.02])
def test_rare_values_on_days_that_differ_much_keep_the_promise(share: float) -> None:
    incidents, days, _ = day_effects.alarms(Kind(200, share, weekdays=False, holidays=False), 20, 30, 60, 25)
    assert stats.poisson.sf(incidents - 1, days / 100) > 0.01


@pytest.mark.parametrize(("classes", "rise", "seeds"), [(3, 0.1, 60), (20, 0.2, 8)])
def test_what_a_class_that_rises_takes_from_the_others_is_no_news_of_theirs(
    classes: int, rise: float, seeds: int
) -> None:
    kind = Kind(2000, weekdays=False, holidays=False)
    together, apart = (class_effects.alarms(way, kind, classes, 30, 90, seeds, rise) for way in class_effects.WAYS[:2])
    assert together.signals < 0.7 * apart.signals
    assert np.median(together.delays) <= np.median(apart.delays) <= 4


@pytest.mark.parametrize(
    ("classes", "rise", "most", "seeds"), [(3, 0.2, 6, 100), (3, 0.1, 16, 100), (20, 0.1, 8, 25), (77, 0.1, 8, 25)]
)
def test_the_rise_of_one_class_is_found_in_as_many_days_as_its_size_allows(
    classes: int, rise: float, most: int, seeds: int
) -> None:
    kind = Kind(200, weekdays=False, holidays=False)
    assert np.median(class_effects.alarms("together", kind, classes, 30, 60, seeds, rise).delays) <= most
