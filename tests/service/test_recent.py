"""The last seconds of a service, beside what numpy says of all its times."""

from __future__ import annotations

import numpy as np
import pytest

from loopbook.service.recent import Recent


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("scale", [0.004, 0.1, 3.0])
def test_quantiles_are_those_of_the_times(share: float, scale: float) -> None:
    recent, times = Recent(60, Clock()), np.random.default_rng(1).gamma(2.0, scale, 5_000)
    for seconds in times.tolist():
        recent.answered(seconds, failed=False)
        recent.queued(seconds)
    exact = np.quantile(times, share, method="inverted_cdf")
    assert exact <= recent.latency(share) <= max(1.2001 * exact, 0.001)
    assert recent.queue(share) == recent.latency(share)


def test_what_is_over_is_forgotten() -> None:
    clock = Clock()
    recent = Recent(10, clock)
    for _ in range(50):
        recent.answered(5.0, failed=True)
        recent.queued(5.0)
    assert (recent.answers, recent.failure_share) == (50, 1.0) and recent.latency(0.99) >= 5
    clock.now += 5
    recent.answered(0.01, failed=False)
    assert recent.answers == 51 and recent.failure_share == 50 / 51
    clock.now += 5.5
    assert recent.answers == 1 and recent.failure_share == 0 and recent.latency(0.99) < 0.02 and recent.queue(0.99) == 0
    clock.now += 100
    assert recent.answers == 0 and recent.failure_share == 0 and recent.latency(0.99) == 0


def test_a_time_beyond_all_edges_is_counted() -> None:
    recent = Recent(60, Clock())
    recent.answered(1e6, failed=False)
    assert recent.latency(0.99) > 90
