"""The desk's policy: the act of least expected cost."""

from dataclasses import dataclass

from loopbook.desk.turn import Act
from loopbook.scenario.desk import DeskCosts


@dataclass(frozen=True)
class Evidence:
    """What is known of a question before the desk acts.

    Attributes
    ----------
    right
        Probability that the answer at hand would be right.
    offered
        Probability that the right intent is among those that a clarification would offer.
    """

    right: float
    offered: float


def expected(evidence: Evidence, costs: DeskCosts, minutes: float) -> dict[Act, float]:
    """Return the expected cost of each act.

    Parameters
    ----------
    evidence, costs
        Probabilities, and what each act costs.
    minutes
        Expected minutes until a person writes.
    """
    person = costs.person + costs.waiting * minutes
    return {
        "answer": (1 - evidence.right) * costs.wrong,
        "clarify": costs.clarification + (1 - evidence.offered) * person,
        "hand_over": person,
    }


def choose(spent: dict[Act, float]) -> Act:
    """Return the act of least expected cost; of equally cheap ones the first."""
    return min(spent, key=spent.__getitem__)
