from __future__ import annotations

import numpy as np
import pytest

from loopbook.statistics import stability


def test_stability_index_by_hand() -> None:
    # (0.6 - 0.5) ln(0.6 / 0.5) + (0.4 - 0.5) ln(0.4 / 0.5) = 0.0405, less a bias of 2 / 1,000,000
    found = stability.index(np.array([600_000.0, 400_000.0]), np.array([500_000.0, 500_000.0]))
    assert found == pytest.approx(0.0405, abs=1e-4)


def test_stability_index_of_two_samples_of_one_world_is_near_zero() -> None:
    rng = np.random.default_rng(1)
    found = [
        stability.index(*(np.bincount(rng.integers(0, 10, n), minlength=10).astype(float) for n in (200, 2000)))
        for _ in range(100)
    ]
    assert np.mean(found) < 0.02
