"""A uniform number from a hash."""

from __future__ import annotations

import numpy as np

from loopbook.statistics.coin import coin


def test_a_coin_is_known_uniform_and_takes_any_text() -> None:
    assert coin("") == 0xE3B0C44298FC1C14 / 2**64  # SHA-256 of nothing
    draws = np.array([coin(f"row {number}") for number in range(4_000)])
    assert abs(draws.mean() - 0.5) < 0.02
    assert 0 <= coin("\ud800") < 1
