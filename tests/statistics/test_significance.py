from __future__ import annotations

import numpy as np
import pytest

from loopbook.statistics.intervals import student
from loopbook.statistics.significance import holm, p_value


@pytest.mark.parametrize("seed", range(20))
def test_the_p_value_says_what_the_interval_says(seed: int) -> None:
    differences = np.random.default_rng(seed).normal(0.01, 0.01, 10)
    found = student(differences, 5)
    assert (p_value(differences, 5) < 0.05) == (found.low > 0 or found.high < 0)


def test_the_p_value_of_known_differences() -> None:
    # mean 2, variance 1, J = 3 of k = 3 folds: t = 2 / sqrt(1/3 + 1/2) on 2 degrees: p = 1 - t / sqrt(t^2 + 2)
    t = 2 / np.sqrt(5 / 6)
    assert p_value([1, 2, 3], 3) == pytest.approx(1 - t / np.sqrt(t**2 + 2))


@pytest.mark.parametrize(("differences", "p"), [([0, 0, 0], 1), ([1], 1), ([], 1), ([0.5, 0.5], 0), ([np.nan, 1], 1)])
def test_the_ends(differences: list, p: float) -> None:
    assert p_value(differences, 5) == p


def test_holm_corrects_as_in_the_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert len(holm([])) == 0


def test_holm_keeps_the_chance_of_one_false_finding() -> None:
    p = np.random.default_rng(1).uniform(size=(2_000, 12))
    assert np.mean([holm(row).min() < 0.05 for row in p]) == pytest.approx(0.05, abs=0.015)
