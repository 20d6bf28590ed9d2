"""What-if analysis: cost, recall, precision and reviews at another threshold, other costs, another review capacity.

The score is cut into at most `BINS` bins of about equally many rows, so that a page can hold the counts and work
everything out by itself. Each row is decided by the threshold; the rows for which asking a person is expected to save
most are reviewed, as many as capacity allows. Rules and the order in which rows come in are left out.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from loopbook.decisions.costs import CostMatrix
from loopbook.decisions.policies import Constant, Policy, Review, Ruled
from loopbook.scenario.decisions import OUTCOMES

BINS = 200
_DIGITS = 6  # of a probability: more say nothing, and look like the number of a card to a search for personal data
_SHOWN = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
"""Thresholds of the table, besides the one in force."""
_SHARES = (0.02, 0.05, 0.1, 0.2, 0.5)


class Bin(NamedTuple):
    """Rows of about the same score: their mean probability, and how many are positive and negative."""

    probability: float
    positive: int
    negative: int


class Effect(NamedTuple):
    """What a setting leads to; `cost` a decision, `reviews` as a share, None where there is nothing to divide by."""

    threshold: float
    cost: float
    recall: float | None
    precision: float | None
    reviews: float


def bins(label: ArrayLike, probability: ArrayLike) -> list[Bin]:
    """Cut scores into at most `BINS` bins of about equally many rows; rows of one score are never parted."""
    truth, p = np.asarray(label) == 1, np.asarray(probability, dtype=np.float64)
    edges = np.unique(np.quantile(p, np.linspace(0, 1, BINS + 1)[1:-1], method="lower")) if len(p) else p
    place = np.searchsorted(edges, p, side="right")
    return [
        Bin(
            round(float(p[place == at].mean()), _DIGITS),
            int(truth[place == at].sum()),
            int((~truth[place == at]).sum()),
        )
        for at in np.unique(place)
    ]


def effect(counts: Sequence[Bin], prices: CostMatrix, threshold: float, capacity: float) -> Effect:
    """Return what a threshold leads to on these rows, with a share of them that people can review."""
    p, positive, negative = (np.array(column, dtype=np.float64) for column in zip(*counts, strict=True))
    rows, acts, (leave, act, review) = positive + negative, p >= threshold, prices.expected(p).T
    gain = np.where(acts, act, leave) - review
    asked, left = np.zeros(len(p)), capacity * rows.sum()
    for at in np.argsort(-gain, kind="stable"):
        if gain[at] > 0 and left > 0:
            asked[at] = min(1.0, left / rows[at])
            left -= asked[at] * rows[at]
    # The share of a bin's positives, and of its negatives, that is acted on in the end.
    on_positive = asked * (1 - prices.error) + (1 - asked) * acts
    on_negative = asked * prices.error + (1 - asked) * acts
    right, alarms = float(positive @ on_positive), float(negative @ on_negative)
    missed, rest, reviews = positive.sum() - right, negative.sum() - alarms, float(rows @ asked)
    paid = (prices.cost * [[rest, missed], [alarms, right]]).sum() + reviews * prices.review
    return Effect(
        threshold,
        float(paid / rows.sum()),
        float(right / positive.sum()) if positive.any() else None,
        right / (right + alarms) if right + alarms else None,
        float(reviews / rows.sum()),
    )


def start(policy: Policy, threshold: float, capacity: float) -> tuple[float, float]:
    """Return threshold and review capacity of a policy without its rules; a tree has the threshold that is given."""
    base = policy.base if isinstance(policy, Ruled) else policy
    own = float(base.action == 0) if isinstance(base, Constant) else getattr(base, "threshold", threshold)
    return min(own, 1.0), capacity if isinstance(base, Review) else 0.0


def plain(
    label: ArrayLike, probability: ArrayLike, prices: CostMatrix, capacity: float, threshold: float, currency: str
) -> dict[str, Any]:
    """Return the bins with the settings in force and a small table of effects, as plain values for a page."""
    counts, threshold = bins(label, probability), round(threshold, _DIGITS)
    thresholds: Iterable[float] = sorted({*_SHOWN, threshold})
    table = [effect(counts, prices, each, capacity)._asdict() for each in thresholds]
    ((rest, missed), (alarm, hit)) = prices.cost.tolist()
    outcomes = dict(zip(OUTCOMES, (hit, alarm, rest, missed), strict=True))
    return {
        "bins": [list(one) for one in counts],
        "costs": {**outcomes, "review": prices.review, "review_error": prices.error},
        "capacity": capacity,
        "threshold": threshold,
        "currency": currency,
        "table": table,
    }


def of_reviews(prices: CostMatrix, said: ArrayLike, truth: ArrayLike, capacity: float, currency: str) -> dict[str, Any]:
    """Return what other shares of reviews would cost where several classes are told apart, as plain values for a page.

    Each row is decided by what is cheapest expected; the rows for which asking a person is expected to save most are
    reviewed, by people as fallible as the costs say.

    Parameters
    ----------
    said, truth
        As in `CostMatrix.expected` and `CostMatrix.truth`.
    capacity
        The share that people can review now.
    """
    gain, alone = prices.gain(said), prices.realised(prices.cheapest(said), truth)
    order, asked = np.argsort(-gain, kind="stable"), prices.asking(truth)
    table = []
    for share in sorted({0.0, *_SHARES, capacity}):
        rows = order[: int(share * len(order) + 1e-9)]
        rows = rows[gain[rows] > 0]
        spent = alone.sum() + (asked - alone)[rows].sum()
        table.append({"capacity": share, "cost": float(spent / len(gain)), "reviews": len(rows) / len(gain)})
    return {"capacity": capacity, "currency": currency, "shares": table}
