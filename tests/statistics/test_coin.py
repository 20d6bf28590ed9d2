"""The coin: uniform, and always the same for a text."""

from __future__ import annotations

import hashlib

import numpy as np

from loopbook.statistics.coin import coin


def test_a_coin_is_the_first_bits_of_the_hash_whatever_the_text() -> None:
    assert coin("label 1 a") == int(hashlib.sha256(b"label 1 a").hexdigest()[:16], 16) / 2**64
    assert 0 <= coin("\ud800 half a pair") < 1


def test_coins_are_uniform() -> None:
    found = np.histogram([coin(f"row {number}") for number in range(8_000)], bins=8, range=(0, 1))[0]
    assert ((found - 1_000) ** 2 / 1_000).sum() < 24  # chi-squared of 7 degrees of freedom: p about 0.001
