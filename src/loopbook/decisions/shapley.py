"""Shapley values: what each word and field is worth to what the model says of a row; they add up to it.

Occlusion takes one part away from the whole row; a Shapley value is what a part adds on average, over the orders in
which the parts of a row can come together. So parts that only count together share what they add, and the values of a
row sum to what the model says of it above what it says of nothing. They cost as many times more as orders are drawn.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.decisions import explanation
from loopbook.scenario.task import Task
from loopbook.statistics import targets


def shapley(
    frame: pd.DataFrame,
    probabilities: Callable[[pd.DataFrame], NDArray[np.float64]],
    task: Task,
    usual: Mapping[str, Any] | None = None,
    classes: Sequence[str] = (),
    *,
    orders: int = 8,
    seed: int = 0,
    most: int = 60,
    batch: int = 2_048,
    together: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return Shapley values of words and fields, estimated from drawn orders of the parts of each row.

    Parameters
    ----------
    frame, probabilities, task, usual, classes, batch
        As of `explanation.occlusion`.
    orders
        Orders that are drawn for each row; every second one is the one before it backwards, which evens out where a
        part happens to come.
    seed
        Of the draws; those of a row depend on nothing else but its place.
    most
        Words of a text that are parts of their own; the others together are one more.
    together
        Names under which fields come and go at once, such as sensors; None: each part by itself.

    Returns
    -------
    DataFrame
        As `explanation.occlusion` returns it. Whatever the orders, the effects of a row sum to what is explained of it
        less what it is of a row without its parts; only how they divide it is an estimate.

    Raises
    ------
    DataError
        If a typical value is needed and not given.

    References
    ----------
    Castro, Gómez & Tejada (2009), Polynomial calculation of the Shapley value based on sampling; Štrumbelj & Kononenko
    (2014), Explaining prediction models and individual predictions with feature contributions; Mitchell, Cooper, Frank
    & Holmes (2022), Sampling permutations for Shapley value estimation, section 3, for orders and their reverse.
    """
    frame = frame.reset_index(drop=True)
    every = explanation.parts(frame, task, usual, most, rest=True)
    if not every:
        return pd.DataFrame(columns=explanation.COLUMNS)
    score = explanation.Score.of(targets.narrow(probabilities(frame)))
    grouped: dict[Any, list[explanation.Part]] = {}
    for at, part in enumerate(every):
        grouped.setdefault(at if together is None else (part.row, together[part.field]), []).append(part)
    players = list(grouped.values())
    rows = np.array([own[0].row for own in players])
    removed, last = [], []
    for row in range(len(frame)):
        own, draw = np.flatnonzero(rows == row), np.random.default_rng([seed, row])
        drawn = [draw.permutation(own) for _ in range(math.ceil(orders / 2) if len(own) else 0)]
        for order in [way for one in drawn for way in (one, one[::-1])][:orders]:
            removed += [[part for at in order[: length + 1] for part in players[at]] for length in range(len(order))]
            last += order.tolist()
    owners = rows[last]
    left = score.read(owners, explanation.asked(frame, removed, probabilities, batch))
    first = np.array([len(taken) == len(players[at]) for taken, at in zip(removed, last, strict=True)])
    before = np.where(first, score.whole[owners], np.roll(left, 1))
    effect = np.bincount(last, weights=before - left, minlength=len(players)) / orders
    shown = [own[0] if together is None else own[0]._replace(field=together[own[0].field]) for own in players]
    return explanation.table(frame, shown, effect, score.names(task, classes))
