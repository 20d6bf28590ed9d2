"""The predictive distribution of a number: how often its intervals hold the truth, and what its ranks are."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import cross_val_predict

from loopbook.scenario.errors import DataError
from loopbook.statistics import conformal, metrics

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
    scale: list = [None, None]
    if scaled:
        apart = np.abs(y[learnt] - cross_val_predict(Ridge(1.0), x[learnt], y[learnt]))
        spread = LinearRegression().fit(x[learnt], apart)
        scale = [np.maximum(spread.predict(x[part]), 0.1 * apart.mean()) for part in (known, test)]
    found = conformal.fitted(y[known], model.predict(x[known]), scale[0])
    return x[test], y[test], found.quantiles(model.predict(x[test]), scale[1])


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
        apart.extend(conformal.coverage(y, quantiles, segment)["apart"])
        width = np.quantile(np.abs(y - quantiles[:, 49]), 0.9)  # one width for all, that covers 90% of these very rows
        fixed = quantiles[:, [49]] + np.linspace(-width, width, 91) @ np.eye(91, 99, 4)
        plainly.extend(conformal.coverage(y, fixed, segment)["apart"])
    assert np.mean(apart) <= 0.15  # by chance 5%, and a little for what the calibrating rows do not tell
    assert np.mean(plainly) >= 0.5


def test_of_99_residuals_each_is_a_quantile_of_its_rank() -> None:
    residual = np.random.default_rng(1).normal(0, 1, 99)
    found = conformal.fitted(residual + 5, np.full(99, 5.0), np.ones(99))
    assert found.quantiles([7.0], [1.0])[0] == pytest.approx(7 + np.sort(residual))
    assert not len(found.unreached) and not found.note


@pytest.mark.parametrize(("count", "low"), [(19, 0.05), (49, 0.02), (98, 0.02), (99, 0.01), (400, 0.01)])
def test_levels_that_few_residuals_do_not_reach_are_told(count: int, low: float) -> None:
    residual = np.arange(count, dtype=float)
    found = conformal.fitted(residual, np.zeros(count), np.ones(count))
    reached = np.setdiff1d(np.round(conformal.LEVELS, 2), np.round(found.unreached, 2))
    assert (reached[0], reached[-1]) == pytest.approx((low, 1 - low))
    assert (f"below {low:.0%} and above {1 - low:.0%}" in found.note) == (low > 0.01)
    assert found.offsets[[0, -1]] == pytest.approx([max(0, 0.01 * (count + 1) - 1), min(count, 0.99 * (count + 1)) - 1])


def test_fewer_residuals_than_the_interval_needs_are_refused() -> None:
    with pytest.raises(DataError, match=r"at least 19 rows .* not 18"):
        conformal.fitted(np.arange(18), np.zeros(18))
    with pytest.raises(DataError, match="finite"):
        conformal.fitted([*range(20), np.nan], np.zeros(21))
    with pytest.raises(DataError, match="above 0"):
        conformal.fitted(np.arange(20), np.zeros(20), np.zeros(20))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_quantiles_and_probabilities_are_monotone_and_say_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    value = random.normal(0, 3, 300)
    label = np.round(value + random.standard_t(3, 300) * (1 + np.abs(value)))  # with ties
    quantiles = conformal.fitted(label, value).quantiles(value)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    limits = np.linspace(-60, 60, 41)
    below = conformal.below(quantiles, limits)
    assert (np.diff(below, axis=1) >= 0).all() and below.min() == 0.005 and below.max() == 0.995
    own = np.stack([conformal.below(quantiles[[row]], quantiles[row])[0] for row in range(20)])
    assert (own >= conformal.LEVELS - 1e-9).all()  # P(Y <= q) is at least the level, more where quantiles are equal
    parts = conformal.bands(quantiles, [-5.5, 0.5, 5.5])
    assert parts.sum(axis=1) == pytest.approx(np.ones(300)) and (parts >= 0).all()
    assert parts.mean(axis=0) == pytest.approx(np.bincount(np.searchsorted([-5.5, 0.5, 5.5], label)) / 300, abs=0.05)


def test_the_scale_follows_the_prediction_where_none_is_given() -> None:
    random = np.random.default_rng(4)
    value = random.uniform(1, 10, 1000)
    found = conformal.fitted(value + random.normal(0, 1, 1000) * value, value)
    wide = np.ptp(found.quantiles([2.0, 8.0])[:, [4, 94]], axis=1)
    assert wide[1] / wide[0] == pytest.approx(4, rel=0.2)
    few = conformal.fitted(value[:40] + random.normal(0, 1, 40), value[:40])
    assert len(few.at) == 1


def test_a_row_has_no_say_in_its_own_distribution_and_groups_stay_together() -> None:
    random = np.random.default_rng(5)
    value, groups = random.normal(0, 1, 90), np.arange(90) // 3
    label = value + random.normal(0, 1, 90)
    before = conformal.cross_fitted(label, value, groups=groups)
    changed = np.where(groups == 0, 1e6, label)
    after = conformal.cross_fitted(changed, value, groups=groups)
    assert before[:3] == pytest.approx(after[:3])
    assert not np.allclose(before, after)
    ones = conformal.cross_fitted(label, value, np.ones(90), groups)
    assert np.ptp(ones - value[:, None], axis=0).max() > 0


def test_exact_predictions_have_a_distribution_of_no_width() -> None:
    value = np.arange(60.0)
    assert conformal.fitted(value, value).quantiles(value) == pytest.approx(np.repeat(value[:, None], 99, axis=1))


def test_coverage_by_segment_by_hand() -> None:
    quantiles = np.tile(np.arange(1.0, 100), (40, 1))
    label = np.where(np.arange(40) < 20, 50, 97)  # within 5 to 95, and outside
    table = conformal.coverage(label, quantiles, np.repeat(["b", "<a>"], 20))
    assert table.index.to_list() == ["<a>", "b"] and table["rows"].to_list() == [20, 20]
    assert table["value"].to_list() == [0, 1] and table["apart"].to_list() == [True, False]
