"""The desk's policy: the act of least expected cost."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbook.desk.turn import Act
from loopbook.scenario.desk import DeskCosts

OFFERED = 3
"""Intents that a question back offers at most."""

_LEAST = 0.05  # probability from which an intent is worth a line


@dataclass(frozen=True)
class Evidence:
    """What is known of a question before the desk acts.

    Attributes
    ----------
    right
        Probability that the answer at hand would be right; None where there is no answer at hand.
    offered
        Probability that the right intent is among those that a question back would offer; None where the desk has
        just asked, or would offer fewer than two.
    """

    right: float | None
    offered: float | None


def expected(evidence: Evidence, costs: DeskCosts, minutes: float) -> dict[Act, float]:
    """Return the expected cost of each act that is possible.

    A question back costs itself, and a person where the right intent is not offered.

    Parameters
    ----------
    evidence, costs
        Probabilities, and what each act costs.
    minutes
        Expected minutes until a person writes.
    """
    person = costs.person + costs.waiting * minutes
    spent: dict[Act, float] = {}
    if evidence.right is not None:
        spent["answer"] = (1 - evidence.right) * costs.wrong
    if evidence.offered is not None:
        spent["clarify"] = costs.clarification + (1 - evidence.offered) * person
    return spent | {"hand_over": person}


def choose(spent: Mapping[Act, float]) -> Act:
    """Return the act of least expected cost; of equally cheap ones the first."""
    return min(spent, key=spent.__getitem__)


def offers(probability: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the intents that a question back offers, most probable first; none where it has fewer than two."""
    order = np.argsort(-probability, kind="stable")[:OFFERED]
    found = tuple(int(at) for at in order if probability[at] >= _LEAST)
    return found if len(found) > 1 else ()
