"""The desk's policy: the act of least expected cost, by hand."""

import numpy as np
import pytest

from loopbook.desk import policy
from loopbook.desk.policy import Evidence
from loopbook.scenario.desk import DeskCosts

COSTS = DeskCosts(wrong=8, clarification=0.5, person=4, waiting=0.1)


@pytest.mark.parametrize(
    ("right", "offered", "minutes", "act"),
    [
        (0.95, 0.99, 0, "answer"),  # 0.4 against 0.54
        (0.90, 0.99, 0, "clarify"),  # 0.8 against 0.54
        (0.60, None, 0, "answer"),  # 3.2 against 4
        (0.40, None, 0, "hand_over"),  # 4.8 against 4
        (0.40, None, 10, "answer"),  # 4.8 against 5
        (None, 0.50, 0, "clarify"),  # 2.5 against 4
        (None, None, 60, "hand_over"),
    ],
)
def test_the_cheapest_act_is_chosen(right: float | None, offered: float | None, minutes: float, act: str) -> None:
    assert policy.choose(policy.expected(Evidence(right, offered), COSTS, minutes)) == act


def test_a_question_back_offers_the_likely_ones_and_at_least_two() -> None:
    assert policy.offers(np.array([0.1, 0.5, 0.02, 0.3, 0.08])) == (1, 3, 0)
    assert policy.offers(np.array([0.97, 0.02, 0.01])) == ()
    assert policy.offers(np.zeros(3)) == ()
