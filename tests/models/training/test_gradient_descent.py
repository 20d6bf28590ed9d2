from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.conftest import settings

from loopbook.models.arrays import lengths
from loopbook.models.training.gradient_descent import Progress, batches


def tokens(rows: int) -> dict[str, np.ndarray]:
    made = np.ones((rows, 12), dtype=np.int32)
    made[np.arange(12) >= np.random.default_rng(0).integers(1, 13, rows)[:, None]] = 0
    return {"tokens": made}


@given(st.integers(1, 300), st.integers(1, 40), st.booleans())
def test_an_epoch_shows_every_row_once(rows: int, size: int, texts: bool) -> None:
    arrays = tokens(rows) if texts else {"table": np.zeros((rows, 2), dtype=np.float32)}
    parts = list(batches(arrays, rows, size, seed=1, epoch=1))
    assert sorted(np.concatenate([part for part, _ in parts]).tolist()) == list(range(rows))
    assert max(len(part) for part, _ in parts) <= size
    if texts:
        assert all(longest == lengths(arrays["tokens"])[part].max() for part, longest in parts)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return [int(row) for part, _ in batches(tokens(100), 100, 8, seed, epoch) for row in part]

    assert order(1, 1) == order(1, 1)
    assert len({tuple(order(*case)) for case in ((1, 1), (1, 2), (2, 1), (2, 2))}) == 4


def test_rows_of_like_length_share_a_batch() -> None:
    arrays = tokens(640)
    long = lengths(arrays["tokens"])
    spread = [np.ptp(long[part]) for part, _ in batches(arrays, 640, 32, 1, 1)]
    assert np.mean(spread) <= 2
    # Yet an epoch does not go from short to long.
    firsts = [longest for _, longest in batches(arrays, 640, 32, 1, 1)]
    assert firsts != sorted(firsts)


@pytest.mark.parametrize(
    ("epochs", "best", "reason"), [(1, 1, None), (2, 1, None), (3, 1, "early stopping"), (5, 4, "epoch limit")]
)
def test_training_ends_for_one_of_two_reasons(epochs: int, best: int, reason: str | None) -> None:
    state = Progress([(epoch,) for epoch in range(1, epochs + 1)], best)
    assert state.done(settings(epochs=5, patience=2)) == reason
