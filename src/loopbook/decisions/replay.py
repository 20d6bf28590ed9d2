"""Replay a policy on rows whose outcome is known, with people to ask as time allows, and a simulated reviewer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions.building import Plan
from loopbook.decisions.policies import Policy
from loopbook.models.answers import Answers
from loopbook.scenario.errors import DataError
from loopbook.statistics.coin import coin

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """What became of rows under one policy, each [n].

    Attributes
    ----------
    action
        Index of the action that was carried out, int64.
    reviewed, refused
        Whether a person was asked; whether one would have been, had there been time.
    cost
        float64.
    """

    action: NDArray[np.int64]
    reviewed: Bools
    refused: Bools
    cost: Floats


def in_time_order(frame: pd.DataFrame) -> NDArray[np.intp]:
    """Return the positions of rows in the order in which they came; without times, as they stand.

    Raises
    ------
    DataError
        If only some of the rows have a time.
    """
    if "time" not in frame.columns:
        return np.arange(len(frame))
    undated = int(frame["time"].isna().sum())
    if 0 < undated < len(frame):
        raise DataError(f"{undated} of {len(frame)} rows have no time, so their order is not known.")
    if undated or not len(frame):
        return np.arange(len(frame))
    return np.lexsort((frame["row_id"].astype(str).to_numpy(dtype=object), frame["time"].to_numpy()))


@dataclass
class Budget:
    """Reviews that people have time for: at no moment more than a share `capacity` of the decisions until then.

    Time not used is kept, so a quiet morning helps a busy afternoon.
    """

    capacity: float
    decisions: int = 0
    reviews: int = 0

    def ask(self, wanted: bool) -> bool:
        """Count one decision, and say whether a person may be asked about it."""
        self.decisions += 1
        granted = wanted and self.reviews + 1 <= self.capacity * self.decisions + 1e-9
        self.reviews += granted
        return granted


def granted(wanted: ArrayLike, capacity: float) -> Bools:
    """Return which wishes for a review are granted, in the order in which they come: bool [n]."""
    budget = Budget(capacity)
    return np.fromiter((budget.ask(bool(wish)) for wish in np.asarray(wanted)), dtype=bool)


def simulated_verdicts(frame: pd.DataFrame, plan: Plan, seed: int = 0) -> Mapping[str, int]:
    """Return which action a simulated reviewer would choose for each row, by `row_id`.

    That is the cheapest one for the label or, with probability ``costs.review_error``, for one of the other classes.
    Always wrong about the same rows: the coin is a hash of `row_id` and seed. A simulation: it knows the label, as no
    real reviewer does.

    Raises
    ------
    DataError
        If the rows carry no label.
    """
    if "label" not in frame.columns:
        raise DataError("A simulated reviewer needs rows with a label; these have none.")
    ids = frame["row_id"].astype(str).tolist()
    wrong = np.array([coin(f"reviewer {seed} {row}") for row in ids]) < plan.prices.error
    other = np.array(
        [coin(f"reviewer {seed} {row} names") if errs else 0.0 for row, errs in zip(ids, wrong, strict=True)]
    )
    said = plan.prices.answered(plan.truth(frame["label"]), wrong, other)
    return dict(zip(ids, said.tolist(), strict=True))


def replay(
    policy: Policy,
    frame: pd.DataFrame,
    said: ArrayLike | Answers,
    plan: Plan,
    verdicts: Mapping[str, int] | None = None,
) -> Outcome:
    """Replay a policy on rows with known labels, in their order in time.

    Parameters
    ----------
    policy
        Who decides.
    frame
        Rows with the task's fields, `row_id`, `label` and, if known, `time`.
    said
        The model's answers, or its probabilities alone, in the order of `frame`.
    plan
        Costs and review capacity.
    verdicts
        Index of the action that reviewers choose, by `row_id`; None: a simulated reviewer, who is wrong in
        ``costs.review_error`` of the rows.

    Returns
    -------
    Outcome
        In the order of `frame`.
    """
    proposed = policy.propose(frame, said)
    order = in_time_order(frame)
    wanted = proposed["review"].to_numpy(dtype=bool)
    reviewed = np.zeros(len(frame), dtype=bool)
    reviewed[order] = granted(wanted[order], plan.settings.review_capacity)
    action = proposed["action"].to_numpy(dtype=np.int64).copy()
    if reviewed.any():
        answered = verdicts if verdicts is not None else simulated_verdicts(frame[reviewed], plan)
        action[reviewed] = [answered[str(row)] for row in frame["row_id"].to_numpy()[reviewed]]
    cost = plan.prices.realised(action, plan.truth(frame["label"]), reviewed)
    return Outcome(action, reviewed, wanted & ~reviewed, cost)
