"""The bandit over lists: a ridge regression that knows how sure it is, and that explores because of it."""

import numpy as np
import pytest

from loopbook.decisions.bandit import Bandit
from loopbook.simulation.shop.truth import EXAMINATION

WEIGHTS = np.array([0.3, 0.25, -0.1])


def clicks(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.column_stack([np.ones(rows), rng.uniform(-1, 1, (rows, 2))])
    theta = rng.choice(EXAMINATION, rows)
    return x, theta, (rng.random(rows) < theta * (x @ WEIGHTS)).astype(float)


def test_learning_is_the_ridge_regression_of_clicks_on_examined_features_in_any_order() -> None:
    x, theta, clicked = clicks(np.random.default_rng(0), 500)
    bandit = Bandit.start(np.zeros(3), sure=2.0).learn(x, theta, clicked)
    from sklearn.linear_model import Ridge

    ridge = Ridge(alpha=2.0 * 0.2, fit_intercept=False).fit(x * theta[:, None], clicked)
    assert bandit.weights == pytest.approx(ridge.coef_)
    parts = Bandit.start(np.zeros(3), sure=2.0)
    for part in (slice(300, 500), slice(0, 300)):
        parts = parts.learn(x[part], theta[part], clicked[part])
    assert parts.weights == pytest.approx(bandit.weights)


def test_weights_are_those_of_relevance_not_of_clicks() -> None:
    bandit = Bandit.start(np.zeros(3)).learn(*clicks(np.random.default_rng(1), 200_000))
    assert bandit.weights == pytest.approx(WEIGHTS, abs=0.01)


def test_ucb_and_thompson_are_wide_where_little_is_known() -> None:
    x, theta, clicked = clicks(np.random.default_rng(2), 2_000)
    x[:, 2] = 0
    bandit = Bandit.start(np.zeros(3)).learn(x, theta, clicked)
    known, unknown = np.array([1.0, 0.5, 0.0]), np.array([1.0, 0.5, 1.0])
    extra = bandit.ucb([[known, unknown]], 2.0) - bandit.mean([[known, unknown]])
    assert extra.shape == (1, 2)
    assert extra[0, 1] == pytest.approx(2.0, abs=0.05)  # as before the first click: 2 standard deviations of 1
    assert extra[0, 0] < 0.1
    rng = np.random.default_rng(3)
    drawn = np.array([bandit.thompson([known, unknown], rng) for _ in range(2_000)])
    assert drawn.mean(axis=0) == pytest.approx(bandit.mean([known, unknown]), abs=0.08)
    assert drawn.std(axis=0) == pytest.approx(extra[0] / 2, rel=0.1)


@pytest.mark.parametrize("explore", ["ucb", "thompson"])
def test_regret_falls_in_a_shop_whose_relevance_is_linear(explore: str) -> None:
    rng, bandit, rounds = np.random.default_rng(4), Bandit.start(np.zeros(3)), []
    for _ in range(300):
        x = np.column_stack([np.ones(60), rng.uniform(-1, 1, (60, 2))])
        scores = bandit.ucb(x) if explore == "ucb" else bandit.thompson(x, rng)
        shown, true = np.argsort(-scores)[:10], x @ WEIGHTS
        rounds.append((np.sort(true)[::-1][:10] - true[shown]) @ EXAMINATION)
        bandit = bandit.learn(x[shown], EXAMINATION, rng.random(10) < EXAMINATION * true[shown])
    assert np.mean(rounds[-50:]) < 0.25 * np.mean(rounds[:20])
