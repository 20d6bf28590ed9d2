"""A mix of rankers: how much each counts, for users of short and long histories and for new items, learned by lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loopbook.models.ranking.scorers import Scores

Floats = NDArray[np.float64]

_TYPICAL = 3.0  # logarithm of a history of about 20 items


@dataclass(frozen=True)
class Mix:
    """Weights of rankers' scores, each standardised within its user's.

    Attributes
    ----------
    parts
        Names of the rankers, and of those among them that know new items by their content.
    weight, by_length, new
        What each part counts, what a longer history adds to it, and what it counts besides for a new item, [parts].
    start
        What a new item has beforehand.
    """

    parts: tuple[str, ...]
    weight: Floats
    by_length: Floats
    new: Floats
    start: float = 0.0

    def scores(self, each: Mapping[str, Scores], length: NDArray[np.int64], cold: NDArray[np.bool_]) -> Scores:
        """Return the mixed score, float32 [q, I].

        Parameters
        ----------
        each
            Standardised scores by part, float32 [q, I].
        length
            Items in each user's history, [q].
        cold
            Which items nobody took yet, [I].
        """
        known = _known(length)
        total = np.where(cold, np.float32(self.start), np.float32(0))[None] + np.zeros((len(length), 1), np.float32)
        for at, name in enumerate(self.parts):
            counts = (self.weight[at] + self.by_length[at] * known)[:, None].astype(np.float32)
            total += (counts + np.where(cold, self.new[at], 0).astype(np.float32)) * each[name]
        return total


def equal(parts: Sequence[str]) -> Mix:
    """Return the mix in which all parts count alike; of one part that part."""
    ones = np.ones(len(parts))
    return Mix(tuple(parts), ones, 0 * ones, 0 * ones)


def fit(
    parts: Sequence[str],
    each: Floats,
    group: NDArray[np.int64],
    taken: NDArray[np.bool_],
    length: NDArray[np.int64],
    cold: NDArray[np.bool_],
    nuisance: Floats | None = None,
    penalty: float = 0.01,
) -> Mix:
    """Learn a mix from lists by the listwise softmax: of each user's candidates, those that they took.

    Parameters
    ----------
    each
        Standardised scores of candidates, [m, parts].
    group
        The user of each candidate, ascending, [m].
    taken, length, cold
        Whether it was taken, how long its user's history is, whether nobody had taken it before, [m].
    nuisance
        What else has moved the choice and is no part of the mix, such as the logarithm of the place, [m].

    References
    ----------
    Cao et al. (2007), Learning to rank: from pairwise approach to listwise approach (ListNet); McFadden (1974).
    """
    from scipy.optimize import minimize

    inputs = np.column_stack([each, each * _known(length)[:, None], each * cold[:, None], cold])
    inputs = np.column_stack([inputs, np.zeros(len(inputs)) if nuisance is None else nuisance])
    starts = np.flatnonzero(np.append(True, np.diff(group) > 0))
    member = np.cumsum(np.append(False, np.diff(group) > 0))
    positives, wanted = inputs[taken].sum(axis=0), np.add.reduceat(taken.astype(np.float64), starts)
    count, width = max(1, int(taken.sum())), each.shape[1]
    begin = np.concatenate([np.ones(width) / width, np.zeros(2 * width + 2)])

    def loss(weight: Floats) -> tuple[float, Floats]:
        logit = inputs @ weight
        logit -= np.maximum.reduceat(logit, starts)[member]
        odds = np.exp(logit)
        total = np.add.reduceat(odds, starts)
        share = odds * (wanted / total)[member]
        off = weight - begin
        risk = (wanted @ np.log(total) - logit[taken].sum()) / count + penalty * off @ off
        return float(risk), (inputs.T @ share - positives) / count + 2 * penalty * off

    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    return Mix(tuple(parts), found[:width], found[width : 2 * width], found[2 * width : -2], float(found[-2]))


def _known(length: NDArray[np.int64]) -> Floats:
    """Return how far a history is longer than a typical one, on a scale of logarithms of about unit size."""
    return np.asarray(np.log1p(length) / _TYPICAL - 1)
