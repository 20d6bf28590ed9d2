import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loopbook.monitoring import shifts
from loopbook.monitoring.shifts import Moments


def moments(values: np.ndarray, per_day: int) -> Moments:
    return Moments.of(values, np.arange(len(values)) // per_day, -(-len(values) // per_day))


def distance(value: float, expected: float) -> float:
    return abs(value - expected)


@pytest.mark.parametrize("z", [0.3, -1.0, 2.5, -4.0])
def test_tail_without_skewness_is_that_of_the_normal_distribution(z: float) -> None:
    assert shifts.tail(z, 0.0) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=0.02)


def test_tail_of_a_mean_of_exponential_values_is_exact() -> None:
    # The mean of n exponential values is a gamma variable: the approximation has nothing to approximate.
    n, mean = 12, 1.9
    z = (mean - 1) * np.sqrt(n)
    assert shifts.tail(z, 2 / np.sqrt(n)) == pytest.approx(2 * stats.gamma.sf(n * mean, n), rel=1e-9)


def test_moments_are_those_of_the_rows() -> None:
    values = np.random.default_rng(1).exponential(size=500)
    found = moments(values, 50)
    assert found.mean == pytest.approx(values.mean())
    assert found.variance == pytest.approx(values.var(ddof=1))
    assert found.skewness == pytest.approx(stats.skew(values), rel=0.01)


def test_missing_values_are_left_out() -> None:
    assert moments(np.array([1.0, np.nan, 3.0]), 3).mean == 2.0


def test_days_that_differ_more_than_chance_raise_the_variance() -> None:
    rng = np.random.default_rng(2)
    alike = rng.normal(size=2000)
    assert moments(alike, 100).dispersion < 2.5
    assert moments(alike + np.repeat(rng.normal(size=20), 100), 100).dispersion > 20


def test_a_change_is_found_once_with_the_day_on_which_it_began() -> None:
    rng = np.random.default_rng(3)
    base, now = rng.normal(size=2000), rng.normal(size=2000)
    now[800:] += 1.0
    steps = shifts.watch(moments(now, 100), moments(base, 100), 1e-3, 7, distance, 0.1)
    assert [(step["day"], step["onset"]) for step in steps if step["alarm"]] == [(8, 8)]


def test_after_a_change_the_next_one_is_found_as_well() -> None:
    rng = np.random.default_rng(4)
    base, now = rng.normal(size=2000), rng.normal(size=2000)
    now[500:] += 1.0
    now[1200:] += 1.0
    steps = shifts.watch(moments(now, 100), moments(base, 100), 1e-3, 7, distance, 0.1)
    assert [step["onset"] for step in steps if step["alarm"]] == [5, 12]


def test_a_change_too_small_to_matter_gives_no_alarm_however_certain() -> None:
    rng = np.random.default_rng(5)
    base, now = rng.normal(size=20_000), rng.normal(0.2, size=20_000)
    steps = shifts.watch(moments(now, 1000), moments(base, 1000), 1e-3, 7, distance, 0.5)
    assert min(step["p"] for step in steps) < 1e-6
    assert not any(step["alarm"] for step in steps)


@pytest.mark.parametrize("kind", ["normal", "exponential", "rare"])
def test_false_alarms_keep_to_the_level(kind: str) -> None:
    rng = np.random.default_rng(6)
    draw = {
        "normal": lambda n: rng.normal(size=n),
        "exponential": lambda n: rng.exponential(size=n),
        "rare": lambda n: (rng.random(n) < 0.03).astype(float),
    }[kind]
    level, alarms, days = 0.01, 0, 0
    for _ in range(30):
        steps = shifts.watch(moments(draw(20 * 80), 80), moments(draw(1200), 80), level, 7, distance, 0.0)
        alarms += sum(step["alarm"] for step in steps)
        days += len(steps)
    # An exact one-sided test: the count is not above what the level promises.
    assert stats.binomtest(alarms, days, level, alternative="greater").pvalue > 0.01


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=60), st.integers(1, 7), st.integers(0, 8), st.integers(0, 8))
def test_a_stretch_of_days_is_the_sum_of_its_parts(values: list[float], per_day: int, first: int, length: int) -> None:
    every = moments(np.array(values), per_day)
    cut = every.between(first, first + length)
    rows = np.array(values)[first * per_day : (first + length + 1) * per_day]
    assert cut.rows == len(rows)
    assert float(cut.total.sum()) == pytest.approx(rows.sum(), abs=1e-9)
