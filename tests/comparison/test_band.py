"""The noise band holds what it promises, and finds a loss that is larger than the noise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.comparison import band


def test_band_is_students_prediction_interval_by_hand() -> None:
    # s = 1 for -1, 0, 0, 1 times sqrt(3/2); t(0.95, 3) = 2.3534 from a table.
    assert band.half_width([-1.0, 0.0, 0.0, 1.0], 0.05) == pytest.approx(2.3534 * (2 / 3) ** 0.5 * 2**0.5, abs=1e-3)


def test_levels_add_up_to_the_familys() -> None:
    for count in (1, 2, 7):
        names = [f"m{at}" for at in range(count)]
        for headline in ("", "m0", names[-1]):
            assert sum(band.shares(names, headline).values()) == pytest.approx(band.LEVEL)
    assert band.shares(["m0", "m1", "m2"], "m1")["m1"] == band.LEVEL / 2
    assert band.shares([]) == {}


def test_rounding_is_no_difference_but_one_decision_in_a_million_is() -> None:
    assert band.same([0.1 + 0.2, 0.3, 0.3])
    assert not band.same([0.3, 0.3, 0.300001])
    assert band.same([0.0, 1e-17])


@given(st.lists(st.integers(0, 2), min_size=band.LEAST + 2, max_size=9))
def test_band_of_no_width_errs_at_most_once_in_as_many_runs_as_there_are(values: list[int]) -> None:
    # Runs that differ only by seed may change places: every pair of places for A and B is equally likely.
    runs, flagged = len(values), 0
    for a, b in itertools.permutations(range(runs), 2):
        rest = [value for at, value in enumerate(values) if at not in (a, b)]
        flagged += len(set(rest)) == 1 and values[b] < values[a]
    assert flagged / (runs * (runs - 1)) <= band.chance(runs - 2) + 1e-12


def test_too_few_repeats_are_refused() -> None:
    with pytest.raises(ValueError, match="3 repeats are too few"):
        band.half_width([1.0, 2.0, 3.0], 0.05)


@pytest.mark.parametrize("count", [4, 8])
def test_pairs_that_differ_only_by_seed_are_flagged_at_the_level(count: int) -> None:
    draw, names, flagged, pairs = np.random.default_rng(7), ["a", "b", "c", "d"], 0, 2_000
    for _ in range(pairs):
        flagged += any(
            draw.normal() - draw.normal() < -band.half_width(draw.normal(size=count).tolist(), level)
            for level in band.shares(names, "a").values()
        )
    # Four standard errors above the level.
    assert flagged / pairs <= band.LEVEL + 4 * (band.LEVEL * (1 - band.LEVEL) / pairs) ** 0.5


def test_a_loss_of_eight_standard_deviations_is_always_found() -> None:
    draw = np.random.default_rng(7)
    bands = [band.half_width(draw.normal(size=8).tolist(), band.LEVEL / 2) for _ in range(200)]
    assert np.mean([draw.normal() - 8 - draw.normal() < -half for half in bands]) > 0.95
