from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.statistics import tails


@pytest.mark.parametrize("rare", [0.1, 0.01, 0.001])
def test_scores_like_the_reference_are_as_rare_as_said(rare: float) -> None:
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        tail = tails.Tail.of(rng.exponential(1, 300))
        found.append(float((tail.probability(rng.exponential(1, 20_000)) <= rare).mean()))
    assert np.mean(found) == pytest.approx(rare, rel=0.5)


@given(st.lists(st.floats(-50, 50), min_size=0, max_size=60), st.lists(st.floats(-80, 80), min_size=2, max_size=20))
def test_a_higher_score_is_never_more_probable(known: list[float], asked: list[float]) -> None:
    p = tails.Tail.of(known).probability(np.sort(asked))
    assert ((p > 0) & (p <= 1)).all() and (np.diff(p) <= 1e-12).all()


def test_the_posterior_is_the_published_bound() -> None:
    assert tails.posterior(0.05, 0.5) == pytest.approx(1 - 0.289, abs=1e-3)  # Sellke et al. (2001), table 1
    assert tails.posterior(0.001, 0.5) == pytest.approx(1 - 0.0184, abs=1e-4)
    assert tails.posterior([0.4, 1.0], 0.02) == pytest.approx([0.02, 0.02])
