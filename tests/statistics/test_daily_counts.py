import numpy as np
import pytest
from tests.monitoring import class_effects
from tests.monitoring.day_effects import Kind

from loopbook.statistics.daily_counts import Counts
from loopbook.statistics.day_spread import Daily


def drawn(classes: int, days: int = 40, rows: int = 300, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return class and day of rows; every tenth class is not known, and the third day has no row."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(classes, rows, p=rng.dirichlet(np.ones(classes)))
    day = rng.integers(0, days, rows)
    day[day == 3] = 4
    return np.where(rng.random(rows) < 0.1, -1, codes), day


@pytest.mark.parametrize("classes", [2, 3, 20, 200])
def test_shares_are_what_the_means_of_indicators_are(classes: int) -> None:
    codes, day = drawn(classes)  # of two hundred classes many have no row at all
    shares = Counts.of(codes, classes, day, 40, None).contrast(np.eye(classes))
    columns = [np.where(codes < 0, np.nan, codes == one) for one in range(classes)]
    means = Daily.of(columns, day, 40, None)
    assert (shares.value == means.value)[np.isfinite(means.value)].all()
    assert (np.isnan(shares.value) == np.isnan(means.value)).all()
    for name in ("inverse", "unit", "lean"):
        assert getattr(shares, name) == pytest.approx(getattr(means, name), rel=1e-12)


def test_of_two_classes_each_is_one_less_the_other() -> None:
    codes, day = drawn(2)
    shares = Counts.of(codes, 2, day, 40, None).contrast(np.eye(2))
    assert shares.value.sum(axis=1)[4] == pytest.approx(1)
    assert shares.unit[0] == pytest.approx(shares.unit[1], rel=1e-12)
    assert shares.lean[0] == pytest.approx(-shares.lean[1], rel=1e-9)


@pytest.mark.parametrize("weights", [[0, 1, -1, 0], [1, 0, 1, 1], [0.2, -3, 0.5, 2]])
def test_a_contrast_has_the_variance_that_the_covariance_of_the_counts_gives_it(weights: list[float]) -> None:
    codes, day = drawn(4)
    counts, contrast = Counts.of(codes, 4, day, 40, None), np.array(weights)
    found = counts.contrast(contrast[None])
    rows, share = counts.rows[7], counts.count.sum(axis=0) / counts.count.sum()
    covariance = rows * (np.diag(share) - np.outer(share, share))
    every = counts.rows.sum()
    assert found.value[7, 0] == pytest.approx(contrast @ counts.count[7] / rows)
    variance = contrast @ covariance @ contrast / rows**2 * every / (every - 1)
    assert found.unit[0] * found.inverse[7, 0] == pytest.approx(variance)


def test_the_rest_is_the_sum_of_its_classes() -> None:
    codes, day = drawn(6)
    rest = Counts.of(codes, 6, day, 40, None).contrast(np.array([[0.0, 0, 0, 1, 1, 1]]))
    together = Counts.of(np.minimum(codes, 3), 4, day, 40, None).contrast(np.eye(4)[3:])
    assert rest.unit == pytest.approx(together.unit)
    assert rest.value == pytest.approx(together.value, nan_ok=True)


def test_what_never_came_may_come_once() -> None:
    counts = Counts.of(np.array([0, 0, 1]), 4, np.zeros(3, "int64"), 1, None)
    found = counts.contrast(np.array([[0.0, 0, 1, 0], [0, 0, 5, 0], [1, 1, 1, 1]]))
    assert found.unit[0] == pytest.approx(0.125 * 0.875)  # half a row of four
    assert found.unit[1] == pytest.approx(25 * found.unit[0])
    assert found.unit[2] == pytest.approx(0, abs=1e-9)  # all rows together never move


def test_rows_that_all_weigh_alike_weigh_nothing_and_unequal_ones_tell_less() -> None:
    codes, day = drawn(3)
    one, two = (Counts.of(codes, 3, day, 40, None, weight) for weight in (None, np.full(300, 2.5)))
    for name in ("value", "inverse", "unit"):
        same = [getattr(counts.contrast(np.eye(3)), name) for counts in (one, two)]
        assert same[0] == pytest.approx(same[1], nan_ok=True)
    weight = np.array([1.0, 1, 1, 3])
    found = Counts.of(np.array([0, 0, 1, 1]), 2, np.zeros(4, "int64"), 1, None, weight).contrast(np.eye(2)[1:])
    assert found.value[0, 0] == pytest.approx(4 / 6)
    assert found.inverse[0, 0] == pytest.approx(12 / 36)


def test_days_spread_by_the_correlation_for_every_contrast() -> None:
    kind = Kind(200, correlation=0.06, weekdays=False, holidays=False)
    counts = class_effects.counts(np.random.default_rng(1), kind, 4000, 5)
    found = counts.contrast(np.array([[1.0, 0, 0, 0, 0], [0, 1, -1, 0, 0], [0, 0, 1, 1, 1]]))
    spread = ((found.value - found.value.mean(axis=0)) ** 2 / (found.unit * (found.inverse + 0.06))).mean(axis=0)
    assert spread == pytest.approx(1, rel=0.1)
