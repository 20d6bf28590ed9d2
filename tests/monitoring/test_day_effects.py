"""The simulator of streams with day effects gives what it says."""

import numpy as np
import pytest
from tests.monitoring import day_effects
from tests.monitoring.day_effects import Kind


@pytest.mark.parametrize(("rows", "inflated"), [(20, 2.1), (200, 12.9), (2000, 4.0)])
def test_the_days_spread_by_the_correlation_that_is_asked_for(rows: int, inflated: float) -> None:
    kind = Kind(rows, share=0.4, weekdays=False, holidays=False)
    count, yes = day_effects.counts(np.random.default_rng(1), kind, 90, 200)
    share = yes / count[:, None]
    design = float((count[:, None] * (share - 0.4) ** 2).mean() / (0.4 * 0.6))
    assert design == pytest.approx(inflated, rel=0.1)


def test_the_rows_of_a_day_are_its_counts() -> None:
    rng = np.random.default_rng(2)
    rows, yes = day_effects.counts(rng, Kind(20), 30, 1)
    day, flags = day_effects.labels(rng, rows, yes[:, 0])
    assert np.bincount(day).tolist() == rows.tolist()
    assert np.bincount(day, weights=flags).tolist() == yes[:, 0].tolist()
