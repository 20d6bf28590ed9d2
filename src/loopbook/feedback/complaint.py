"""Complaint: what a label says of a decision: that it was right, or that another action would have been cheaper."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.decisions import costs
from loopbook.scenario.contract import Scenario
from loopbook.statistics import targets

KINDS = RIGHT, MISSED, FALSE_ALARM, WRONG = "right", "missed", "false alarm", "wrong"
"""What a label says of a decision; where there are two actions for two classes, which way it was wrong."""


def kinds(rows: pd.DataFrame, label: "pd.Series[Any]", scenario: Scenario) -> NDArray[np.object_]:
    """Return what labels say of decisions, one of `KINDS` each, [n].

    Parameters
    ----------
    rows
        Of the decision log; of one that waits for a person nobody can complain yet.
    label
        What is taken as true, of the type that labels have.
    """
    task = scenario.task
    prices = costs.of(scenario.decisions.costs, task, targets.classes(label, task))
    truth, action = prices.truth(label, task), prices.index(rows["action"])
    cost = prices.by_row(truth)
    wrong = (action >= 0) & (cost[np.arange(len(cost)), action] > cost.min(axis=1))
    which = np.where(prices.should(truth) == 1, MISSED, FALSE_ALARM) if prices.two else WRONG
    return np.where(wrong, which, RIGHT).astype(object)
