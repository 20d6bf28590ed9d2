"""The sequential test: error rates that hold at every look, intervals that hold at all of them, and who is found."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from loopbook.scenario.errors import DataError
from loopbook.statistics import sequential
from loopbook.statistics.sequential import log_capital


def pairs(rng: np.random.Generator, many: int, wins: float, losses: float) -> NDArray[np.float64]:
    return rng.choice([1.0, -1.0, 0.0], size=many, p=[wins, losses, 1 - wins - losses])


def test_the_capital_is_that_of_the_bets_by_hand() -> None:
    x, bets = np.array([1.0, 0.0, 0.75]), np.geomspace(1e-3, 0.95, 24)
    for mean in (0.5, 0.3):
        by_hand = [np.mean([np.prod(1 + bet * (x[:many] / mean - 1)) for bet in bets]) for many in (1, 2, 3)]
        np.testing.assert_allclose(np.exp(log_capital(x, mean)), by_hand)


@pytest.mark.parametrize("often", [0.02, 0.3])
def test_an_equal_one_is_rarely_found_whenever_it_is_looked_at(often: float) -> None:
    rng = np.random.default_rng(1)
    found = [log_capital((1 + pairs(rng, 600, often, often)) / 2, 0.5).max() >= np.log(10) for _ in range(300)]
    assert np.mean(found) <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 300)


def test_a_better_one_is_found_and_a_worse_one_too() -> None:
    rng = np.random.default_rng(2)
    for sign, finding in ((1, "better"), (-1, "worse")):
        values = 20 * sign * pairs(rng, 1_500, 0.09, 0.03)
        found = sequential.test(values, 20)
        assert (found.finding, found.values) == (finding, 1_500) and 0 < found.at < 1_500
        assert sequential.test(values[: found.at - 1], 20).finding == "open"
        assert found.mean.low * sign > 0 and found.mean.high * sign > 0
        assert (found.better > 20) == (sign > 0) and (found.worse > 20) == (sign < 0)
        assert found.mean.low < 20 * sign * 0.06 < found.mean.high


def test_the_interval_holds_at_all_times_together() -> None:
    rng, missed = np.random.default_rng(3), 0
    for _ in range(40):
        values = rng.beta(2, 6, 200) * 2 - 1  # of mean -0.5
        ends = [sequential.test(values[:many], 1, 0.1).mean for many in (5, 20, 60, 200)]
        missed += any(not end.low <= -0.5 <= end.high for end in ends)
    assert missed <= 4 + 3 * np.sqrt(40 * 0.1 * 0.9)
    assert ends[-1].high - ends[-1].low < ends[0].high - ends[0].low


def test_shared_rows_say_what_pairs_say() -> None:
    rng, many, share = np.random.default_rng(4), 20_000, 0.2
    treated = rng.random(many) < share
    loss = (rng.random(many) < np.where(treated, 0.2, 0.3)).astype(np.float64)
    values = sequential.weighted(loss, treated, share)
    assert values.mean() == pytest.approx(0.1, abs=4 * values.std() / np.sqrt(many))
    assert np.abs(values).max() <= 1 / share
    found = sequential.test(values, 1 / share)
    assert found.finding == "better" and found.mean.low < 0.1 < found.mean.high


def test_nothing_says_nothing_and_what_is_out_of_bounds_is_refused() -> None:
    empty = sequential.test([], 3.0)
    assert (empty.finding, empty.values, empty.better) == ("open", 0, 1.0) and np.isnan(empty.mean.value)
    for wrong in ([0.1, 2.0], [np.nan]):
        with pytest.raises(DataError, match="not within"):
            sequential.test(wrong, 1.0)
