"""The noise band holds what it promises, and finds a loss that is larger than the noise."""

from __future__ import annotations

import numpy as np
import pytest

from loopbook.comparison import band


def test_band_is_students_prediction_interval_by_hand() -> None:
    # s = 1 for -1, 0, 0, 1 times sqrt(3/2); t(0.95, 3) = 2.3534 from a table.
    assert band.half_width([-1.0, 0.0, 0.0, 1.0], 0.05) == pytest.approx(2.3534 * (2 / 3) ** 0.5 * 2**0.5, abs=1e-3)


def test_levels_add_up_to_the_familys() -> None:
    for count in (1, 2, 7):
        assert sum(band.shares([f"m{at}" for at in range(count)]).values()) == pytest.approx(band.LEVEL)


def test_too_few_repeats_are_refused() -> None:
    with pytest.raises(ValueError, match="3 repeats are too few"):
        band.half_width([1.0, 2.0, 3.0], 0.05)


@pytest.mark.parametrize("count", [4, 8])
def test_pairs_that_differ_only_by_seed_are_flagged_at_the_level(count: int) -> None:
    draw, names, flagged, pairs = np.random.default_rng(7), ["a", "b", "c", "d"], 0, 2_000
    for _ in range(pairs):
        flagged += any(
            draw.normal() - draw.normal() < -band.half_width(draw.normal(size=count).tolist(), level)
            for level in band.shares(names).values()
        )
    # Four standard errors above the level.
    assert flagged / pairs <= band.LEVEL + 4 * (band.LEVEL * (1 - band.LEVEL) / pairs) ** 0.5


def test_a_loss_of_eight_standard_deviations_is_always_found() -> None:
    draw = np.random.default_rng(7)
    bands = [band.half_width(draw.normal(size=8).tolist(), band.LEVEL / 2) for _ in range(200)]
    assert np.mean([draw.normal() - 8 - draw.normal() < -half for half in bands]) > 0.95
