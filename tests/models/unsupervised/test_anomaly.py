from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from loopbook.models.unsupervised import anomaly
from loopbook.statistics import metrics

KINDS: dict[str, Callable[[Any], anomaly.Score]] = {
    "autoencoder": lambda x: anomaly.autoencoder(x, bottleneck=2, units=16, epochs=30),
    "nearest_centre": lambda x: anomaly.nearest_centre(x, clusters=3),
}


def rows(count: int, seed: int) -> np.ndarray:
    """Return points about a line in six dimensions, of very different scale, beside a constant."""
    random = np.random.default_rng(seed)
    along = random.uniform(-1, 1, count)
    x = np.outer(along, [1, -1, 2, 0.5, 1, 3]) + random.normal(0, 0.1, (count, 6))
    return np.column_stack([x * [1, 1e4, 1e-4, 1, 1, 1], np.full(count, 7.0)])


@pytest.mark.parametrize("kind", KINDS)
def test_what_breaks_the_pattern_scores_higher_though_no_single_value_is_unusual(kind: str) -> None:
    score = KINDS[kind](rows(400, 0))
    same, odd = rows(200, 1), np.random.default_rng(2).permuted(rows(200, 3), axis=0)
    apart = metrics.score("roc_auc", np.repeat([0, 1], 200), np.concatenate([score(same), score(odd)]))
    assert apart > (0.9 if kind == "autoencoder" else 0.8)
    assert score(same).shape == (200,) and score(same).dtype == np.float64 and (score(same) >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_equal_rows_have_equal_scores_each_time(kind: str) -> None:
    once, again = (KINDS[kind](rows(120, 0))(rows(50, 1)) for _ in range(2))
    assert once.tolist() == again.tolist()


def test_fewer_rows_than_centres_are_their_own_centres() -> None:
    few = rows(4, 0)
    assert anomaly.nearest_centre(few, clusters=20)(few) == pytest.approx(np.zeros(4), abs=1e-3)


def test_a_tail_probability_is_uniform_among_rows_like_the_reference_and_never_nothing() -> None:
    random = np.random.default_rng(0)
    told = anomaly.tail(random.exponential(size=2_000), random.exponential(size=2_000))
    assert kstest(told, "uniform").pvalue > 0.01
    assert anomaly.tail([1.0, 2.0, 3.0], [4.0, 3.0, 0.0]).tolist() == [0.25, 0.5, 1.0]
