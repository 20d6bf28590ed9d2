"""Off-policy evaluation: unbiased by enumeration, right where the truth is known, refusing what cannot be told."""

import itertools

import numpy as np
import pandas as pd
import pytest

from loopbook.decisions import off_policy
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import ShopSource
from loopbook.simulation.shop.truth import EXAMINATION
from loopbook.simulation.shop.world import simulate

THETA = np.array([1.0, 0.6, 0.3])


def rows(shop_rows: pd.DataFrame) -> pd.DataFrame:
    names = {"list": "shown", "book": "item", "clicked": "label", "reader": "group"}
    return shop_rows.rename(columns=names)


@pytest.mark.parametrize("judged", [[0, 1, 2], [3, 0, -1], [2, 3, 1]])
@pytest.mark.parametrize("expected", [0.0, 0.4])
def test_every_estimate_is_unbiased_over_all_logs_that_can_be(judged: list[int], expected: float) -> None:
    relevance, weight = np.array([0.9, 0.5, 0.2, 0.7]), np.array([0.4, 0.3, 0.2, 0.1])
    truth = sum(THETA[at] * relevance[item] for at, item in enumerate(judged) if item >= 0)
    cases = list(itertools.product(itertools.permutations(range(4), 3), itertools.product((0, 1), repeat=3)))
    items, clicks = (np.array(part) for part in zip(*cases, strict=True))
    left = 1 - np.cumsum(weight[items], axis=1) + weight[items]
    chance, looked = weight[items] / left, THETA * relevance[items]
    probability = chance.prod(axis=1) * np.where(clicks, looked, 1 - looked).prod(axis=1)
    names = np.arange(len(cases))
    logged = off_policy.Log(names, names, items, clicks.astype(float), chance)
    guess = (np.full(items.shape, expected), np.full(items.shape, expected))
    told = off_policy.terms(logged, [judged] * len(cases), THETA, guess)
    mean = told.mul(probability, axis=0).sum()
    assert probability.sum() == pytest.approx(1)
    assert mean["ips"] == pytest.approx(truth)
    assert mean["doubly_robust"] == pytest.approx(truth)
    assert mean["weight"] == pytest.approx(mean["places"])


def test_the_truth_of_a_simulated_shop_lies_in_the_intervals() -> None:
    # Over the seeds 5 to 16 the error is 0.1 (spread 1.0) of its standard error; one in twenty lies outside, as 5 does.
    shop = simulate(ShopSource(kind="shop", lists=4_000, readers=200, books=60, days=20, seed=8))
    world, logged = shop.truth, off_policy.log(rows(shop.rows), shop.items["book"])
    day = pd.Series(logged.shown).str[1:5].astype(int).to_numpy()
    reader = pd.Series(logged.groups).str[1:].astype(int).to_numpy() - 1
    judged, truth, guess = np.zeros((len(day), 10), dtype=int), np.zeros(len(day)), np.zeros((len(day), 60))
    opened = np.zeros((200, 60), dtype=bool)
    for at in range(20):
        here = np.flatnonzero(day == at)
        guess[here] = world.relevance(reader[here], np.arange(60), at)
        allowed = world.stock(at) & ~opened[reader[here]]
        judged[here] = np.argsort(-np.where(allowed, guess[here], -1), axis=1)[:, :10]
        truth[here] = world.value(reader[here], judged[here], at)
        opened[np.repeat(reader[here], 10), logged.items[here].ravel()] |= logged.clicks[here].ravel() > 0
    half = 0.5 * guess  # a model that is wrong, but not without sense
    expected = (np.take_along_axis(half, logged.items, 1), np.take_along_axis(half, judged, 1))
    told = off_policy.terms(logged, judged, EXAMINATION, expected)
    found = off_policy.value(told, logged.groups)
    inside = (found["low"] < truth.mean()) & (truth.mean() < found["high"])
    assert inside[list(off_policy.ESTIMATORS)].all()
    assert found["low"]["support"] < 1 < found["high"]["support"]
    assert found["value"]["direct"] == pytest.approx(truth.mean() / 2)
    width = found["high"] - found["low"]
    assert width["doubly_robust"] < width["ips"]
    clicks = logged.clicks.sum(axis=1)  # what the log's own policy is worth
    own = pd.DataFrame({"ips": clicks, "weight": told["places"], "places": told["places"]}, told.index)
    gain = off_policy.value(told[own.columns] - own, logged.groups)
    assert gain["low"]["ips"] > 0
    assert gain["value"]["ips"] == pytest.approx(found["value"]["ips"] - clicks.mean())
    assert "support" not in gain.index


LOGGED = pd.DataFrame(
    {
        "shown": ["m", "m", "l"],
        "item": ["b", "a", "b"],
        "place": [2.0, 1.0, 1.0],
        "propensity": [0.5, 0.25, 0.5],
        "label": [1, 0, 1],
        "group": ["u", "u", "v"],
    }
)


def test_rows_become_lists_of_different_lengths() -> None:
    logged = off_policy.log(LOGGED, ["a", "b"])
    assert logged.items.tolist() == [[0, 1], [1, -1]]
    assert logged.groups.tolist() == ["u", "v"]
    told = off_policy.terms(logged, [[1], [1]], [1.0, 0.5])
    # m: weights 2/3 and 1/3; t_1 = 0, t_2 = (1 / 0.5) / 0.5. l: t_1 = 1 / 0.5
    assert told["ips"].tolist() == pytest.approx([4 / 3, 2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"propensity": [0.5, np.nan, 0.5]}, "1 of 3 rows have no propensity"),
        ({"place": [2.0, 2.0, 1.0]}, "place twice"),
        ({"place": [3.0, 1.0, 1.0]}, "without the place above"),
        ({"place": [2.0, np.nan, 1.0]}, "no place"),
        ({"item": ["b", "c", "b"]}, "'c' of the log is not among"),
    ],
)
def test_logs_that_cannot_tell_are_refused(change: dict[str, list[float]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        off_policy.log(LOGGED.assign(**change), ["a", "b"])
