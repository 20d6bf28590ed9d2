"""The predictive distribution of a number: how often its intervals hold the truth, and what its ranks are."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import cross_val_predict

from loopbook.scenario.errors import DataError
from loopbook.statistics import conformal, evaluation, metrics

Data = tuple[np.ndarray, np.ndarray]


def uneven(seed: int, rows: int = 2000) -> Data:
    """Return simulated rows whose noise grows with the first column, fourfold and more."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, 3, (rows, 3))
    return x, x @ [10.0, 3, 0] + random.normal(0, 1, rows) * (1 + 2 * x[:, 0])


def split(data: Data, seed: int, scaled: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs, labels and quantiles of a quarter of the rows; a half is learned from, a quarter calibrates."""
    x, y = data
    learnt, known, test = np.split(np.random.default_rng(seed).permutation(len(y)), [len(y) // 2, 3 * len(y) // 4])
    model = Ridge(1.0).fit(x[learnt], y[learnt])
    scale: list = [1.0, 1.0]
    if scaled:
        apart = np.abs(y[learnt] - cross_val_predict(Ridge(1.0), x[learnt], y[learnt]))
        spread = LinearRegression().fit(x[learnt], apart)
        scale = [np.maximum(spread.predict(x[part]), 0.1 * apart.mean()) for part in (known, test)]
    apart = conformal.offsets(y[known], model.predict(x[known]), scale[0])
    return x[test], y[test], conformal.quantiles(model.predict(x[test]), apart, scale[1])


def missed(y: np.ndarray, quantiles: np.ndarray, segment: np.ndarray) -> float:
    """Return the share of segments whose binomial interval of what is covered does not hold 90%."""
    table = evaluation.residuals(y, quantiles, segment)
    return float(((table["covered_low"] > 0.9) | (table["covered_high"] < 0.9)).mean())


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("name", ["diabetes", "uneven"])
def test_intervals_of_90_percent_cover_that_many_in_the_mean_of_20_splits(name: str, scaled: bool) -> None:
    real = load_diabetes(return_X_y=True)
    covered = []
    for seed in range(20):
        _, y, quantiles = split(real if name == "diabetes" else uneven(seed), seed, scaled)
        covered.append(metrics.score("coverage", y, quantiles))
    assert 0.88 <= np.mean(covered) <= 0.92


def test_segments_are_covered_within_their_binomial_limits_where_residuals_are_normalised() -> None:
    apart, plainly = [], []
    for seed in range(20):
        x, y, quantiles = split(uneven(seed), seed, scaled=True)
        segment = np.digitize(x[:, 0], [1, 2])
        apart.append(missed(y, quantiles, segment))
        width = np.quantile(np.abs(y - quantiles[:, 49]), 0.9)  # one width for all, that covers 90% of these very rows
        fixed = quantiles[:, [49]] + np.linspace(-width, width, 91) @ np.eye(91, 99, 4)
        plainly.append(missed(y, fixed, segment))
    assert np.mean(apart) <= 0.15  # by chance 5%, and a little for what the calibrating rows do not tell
    assert np.mean(plainly) >= 0.5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_quantiles_and_probabilities_are_monotone_and_say_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    value = random.normal(0, 3, 300)
    scale = 1 + np.abs(value)
    label = np.round(value + random.standard_t(3, 300) * scale)  # with ties
    quantiles = conformal.quantiles(value, conformal.offsets(label, value, scale), scale)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    limits = np.linspace(-60, 60, 41)
    below = conformal.below(quantiles, limits)
    assert (np.diff(below, axis=1) >= 0).all() and below.min() == 0.005 and below.max() == 0.995
    own = np.stack([conformal.below(quantiles[[row]], quantiles[row])[0] for row in range(20)])
    assert (own >= conformal.LEVELS - 1e-9).all()  # P(Y <= q) is at least the level, more where quantiles are equal
    parts = conformal.bands(quantiles, [-5.5, 0.5, 5.5])
    assert parts.sum(axis=1) == pytest.approx(np.ones(300)) and (parts >= 0).all()
    assert parts.mean(axis=0) == pytest.approx(np.bincount(np.searchsorted([-5.5, 0.5, 5.5], label)) / 300, abs=0.05)


def test_of_99_residuals_each_is_a_quantile_of_its_rank_in_its_scale() -> None:
    residual = np.random.default_rng(1).normal(0, 1, 99)
    apart = conformal.offsets(3 * residual + 5, np.full(99, 5.0), np.full(99, 3.0))
    assert apart == pytest.approx(np.sort(residual))
    found = conformal.quantiles([7.0, 8.0], apart, [1.0, 2.0])
    assert found == pytest.approx(np.stack([7 + np.sort(residual), 8 + 2 * np.sort(residual)]))


@pytest.mark.parametrize(("count", "low"), [(19, 0.05), (49, 0.02), (98, 0.02), (99, 0.01), (400, 0.01)])
def test_levels_that_few_residuals_do_not_reach_are_told(count: int, low: float) -> None:
    apart = conformal.offsets(np.arange(count), np.zeros(count))
    assert apart[[0, -1]] == pytest.approx([max(0, 0.01 * (count + 1) - 1), min(count, 0.99 * (count + 1)) - 1])
    told = conformal.note(count)
    assert (f"{count} residuals tell nothing below {low:.0%} and above {1 - low:.0%}" in told) == (low > 0.01)
    assert bool(told) == (low > 0.01)


def test_fewer_residuals_than_the_interval_needs_are_refused() -> None:
    with pytest.raises(DataError, match=r"at least 19 rows .* not 18"):
        conformal.offsets(np.arange(18), np.zeros(18))
    with pytest.raises(DataError, match="finite"):
        conformal.offsets([*range(20), np.nan], np.zeros(21))
    with pytest.raises(DataError, match="above 0"):
        conformal.offsets(np.arange(20), np.zeros(20), np.zeros(20))


def test_exact_predictions_have_a_distribution_of_no_width() -> None:
    value = np.arange(60.0)
    found = conformal.quantiles(value, conformal.offsets(value, value))
    assert found == pytest.approx(np.repeat(value[:, None], 99, axis=1))
    assert conformal.bands(found[:1], [0.0]).tolist() == [[0.995, pytest.approx(0.005)]]
