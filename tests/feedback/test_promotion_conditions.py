"""Conditions of promotion: behavioural tests by McNemar's exact test, groups too small to compare."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.feedback import promotion_conditions
from loopbook.scenario.decisions import Costs
from loopbook.scenario.task import Binary, YesNo

TASK = Binary(fields={"size": "number"}, label=YesNo(column="y", positive=("y",)))


@pytest.mark.parametrize(
    ("lost", "won", "met"), [(0, 0, True), (4, 0, True), (5, 0, False), (8, 7, True), (9, 1, False)]
)
def test_behaviour_is_worse_where_tests_are_lost_beyond_chance(lost: int, won: int, met: bool) -> None:
    """Five of five lost: one in 32 by chance."""
    fails = np.array([True] * lost + [False] * won + [False] * 20)
    failed = np.array([False] * lost + [True] * won + [False] * 20)
    found = promotion_conditions._behaviour(fails, failed)
    assert found.met is met
    assert f"fails {lost} of {len(fails)}" in found.reason


def test_groups_too_small_to_compare_are_said_to_be() -> None:
    label = pd.Series(([1] * 10 + [0] * 40) * 2, dtype="int8")
    rows = pd.DataFrame({"label": label, "group": range(100), "side": ["left"] * 90 + ["right"] * 10})
    p = np.where(label == 1, 0.9, 0.1)
    found = promotion_conditions.of_rows(rows, p, p, TASK, Costs(), ("side",), 100, 0)
    assert [(one.name, one.met) for one in found] == [("calibration", True), ("fairness, side", True)]
    assert "Not asked" in found[1].reason


def test_groups_may_be_whole_numbers_that_some_rows_lack() -> None:
    label = pd.Series(([1] * 10 + [0] * 40) * 8, dtype="int8")
    decade = pd.Series([20, 30, None, 30] * 100, dtype="Int64")  # of who was served, some are new
    rows = pd.DataFrame({"label": label, "group": range(400), "decade": decade})
    p = np.where(label == 1, 0.9, 0.1)
    found = promotion_conditions.of_rows(rows, p, p, TASK, Costs(), ("decade",), 100, 0)
    assert found[1].name == "fairness, decade" and found[1].met
