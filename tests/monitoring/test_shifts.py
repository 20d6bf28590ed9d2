import numpy as np
import pytest
from scipy import stats

from loopbook.monitoring import shifts


@pytest.mark.parametrize("z", [0.3, -1.0, 2.5, -4.0])
def test_tail_without_skewness_is_that_of_the_normal_distribution(z: float) -> None:
    assert shifts.tail(z, 0.0) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=0.02)


def test_tail_of_a_mean_of_exponential_values_is_exact() -> None:
    # The mean of n exponential values is a gamma variable: the approximation has nothing to approximate.
    n, mean = 12, 1.9
    z = (mean - 1) * np.sqrt(n)
    assert shifts.tail(z, 2 / np.sqrt(n)) == pytest.approx(2 * stats.gamma.sf(n * mean, n), rel=1e-9)


def test_a_window_of_one_day_gives_no_alarm_and_a_longer_one_needs_less_a_day() -> None:
    heights = shifts.limits(np.array([1e-2, 1e-4]))
    assert np.isinf(heights[:2]).all()
    assert (np.diff(heights[2:], axis=0) < 0).all()
    assert (heights[2:, 1] > heights[2:, 0]).all()
