"""Cost-sensitive decisions: expected and realised cost, and the threshold and band that follow from the matrix."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.decisions import Costs, DecisionsSettings
from loopbook.scenario.errors import DataError
from loopbook.store.stage import Stage

Floats = NDArray[np.float64]


class Expected(NamedTuple):
    """Expected cost of the three things one can do with a row, each float [n]."""

    leave: Floats
    act: Floats
    review: Floats

    @property
    def gain(self) -> Floats:
        """What asking a person saves against the better of the two others; negative where it only costs."""
        return np.minimum(self.leave, self.act) - self.review


class Cutoff(NamedTuple):
    """The threshold that was cheapest on some rows, and its cost a decision there."""

    value: float
    cost: float


class InForce(NamedTuple):
    """The threshold in force, where it comes from, and why an approved one is void, if it is."""

    value: float
    origin: str
    void: str

    def _repr_markdown_(self) -> str:
        said = f"The threshold in force is {self.value:.3f}: {self.origin}. A policy without one, or with its own,"
        return f"{self.void}{said} decides otherwise (notebook 05)."


def expected(costs: Costs, probability: ArrayLike) -> Expected:
    """Return what each action is expected to cost at these probabilities.

    Parameters
    ----------
    costs
        The cost matrix, in the scenario's currency a decision.
    probability
        Calibrated probability that the answer is yes, float [n] in [0, 1].
    """
    p = np.asarray(probability, dtype=np.float64)
    leave = p * costs.false_negative + (1 - p) * costs.true_negative
    act = p * costs.true_positive + (1 - p) * costs.false_positive
    right = p * costs.true_positive + (1 - p) * costs.true_negative
    wrong = p * costs.false_negative + (1 - p) * costs.false_positive
    return Expected(leave, act, costs.review + (1 - costs.review_error) * right + costs.review_error * wrong)


def drawn(costs: Costs, grid: Floats, names: tuple[str, ...]) -> dict[str, tuple[Floats, Floats]]:
    """Return the expected cost of each action by probability, to draw: name to grid and cost.

    A line that climbs far above the others, as that of a very dear mistake does, ends where it leaves the picture
    (NaN), so that the band in which asking pays can be seen.

    Parameters
    ----------
    grid
        Probabilities, float [n].
    names
        What not acting, acting and asking are called.
    """
    lines = dict(zip(names, expected(costs, grid), strict=True))
    top = 1.5 * sorted(float(line.max()) for line in lines.values())[1]
    return {name: (grid, np.where(line <= top, line, np.nan) if top > 0 else line) for name, line in lines.items()}


def threshold(costs: Costs) -> float:
    """Return the probability from which acting is expected to be cheaper than not acting.

    Right only for calibrated probabilities. It is strictly between 0 and 1, because `Costs` refuses matrices under
    which a mistake costs no more than the right action.

    References
    ----------
    Elkan (2001), The foundations of cost-sensitive learning, equation 2.
    """
    alarm, miss = _regrets(costs)
    return alarm / (alarm + miss)


def approved(threshold: float | None, model: str | None, now: str) -> tuple[float | None, str]:
    """Return an approved threshold as far as it is valid, and a sentence that says why it is void, if it is.

    A threshold is fitted to one model's probabilities. The same candidate trained anew, with labels approved since or
    by other code, has others: acting from the old threshold could cost more than the cost matrix's own.

    Parameters
    ----------
    threshold
        From the round's snapshot; None: none was approved.
    model
        From the snapshot too: content digest of the champion that it was approved for; None: nobody knows.
    now
        Content digest of the champion in force.
    """
    if threshold is None or model == now:
        return threshold, ""
    which = f"model {model[:12]}" if model else "a model that was not noted"
    return None, (
        f"**The approved threshold {threshold:.3f} is void**: it was approved for {which}, and the champion in force "
        f"is {now[:12]}. Without it, the scenario's threshold holds, or else the cost matrix's. Approve one anew where "
        "07 proposes it. "
    )


def in_force(settings: DecisionsSettings, approved: float | None) -> tuple[float, str]:
    """Return the threshold in force, and where it comes from.

    Parameters
    ----------
    settings
        The scenario's; a threshold that it sets goes before an approved one.
    approved
        From the round's snapshot; None: none was approved, so that the cost matrix says.
    """
    if settings.threshold is not None:
        return settings.threshold, "as the scenario says"
    if approved is not None:
        return approved, "as approved"
    return threshold(settings.costs), "cheapest expected by the cost matrix"


def carried(stage: Stage, approved_threshold: float | None, model: str | None) -> InForce:
    """Return the threshold in force in a round, from what its snapshot carries (`approved`, `in_force`)."""
    valid, void = approved(approved_threshold, model, stage.digest("champion"))
    return InForce(*in_force(stage.scenario.decisions, valid), void)


def band(costs: Costs, price: float = 0.0) -> tuple[float, float]:
    """Return the probabilities between which asking a person is expected to be cheapest.

    Parameters
    ----------
    costs
        The cost matrix with the cost of a review and the reviewers' share of mistakes.
    price
        What a review must save besides its cost: the shadow price of a reviewer's time where there are too few.

    Returns
    -------
    tuple
        Lower and upper end. Where asking never pays, both are the threshold.

    References
    ----------
    Chow (1970), On optimum recognition error and reject tradeoff; here with unequal costs and fallible reviewers.
    """
    alarm, miss = _regrets(costs)
    error, paid = costs.review_error, costs.review + price
    low = (paid + error * alarm) / ((1 - error) * miss + error * alarm)
    high = ((1 - error) * alarm - paid) / ((1 - error) * alarm + error * miss)
    return (low, high) if low < high else (threshold(costs), threshold(costs))


def realised(costs: Costs, acted: ArrayLike, label: ArrayLike, reviewed: ArrayLike | bool = False) -> Floats:
    """Return what decisions have cost, float [n].

    Parameters
    ----------
    costs
        The cost matrix.
    acted
        Whether the action was carried out in the end, by the agent or by the reviewer: bool [n].
    label
        The outcome, 0 or 1 [n].
    reviewed
        Whether a person was asked: bool [n].
    """
    matrix = np.array(
        [[costs.true_negative, costs.false_negative], [costs.false_positive, costs.true_positive]], dtype=np.float64
    )
    each = matrix[np.asarray(acted, dtype=bool).astype(int), np.asarray(label).astype(int)]
    return np.asarray(each + costs.review * np.asarray(reviewed, dtype=bool), dtype=np.float64)


def cheapest(label: ArrayLike, probability: ArrayLike, costs: Costs) -> Cutoff:
    """Return the threshold that would have been cheapest on these rows, whether or not they are calibrated.

    Parameters
    ----------
    label
        0 or 1 [n].
    probability
        float [n].
    costs
        The cost matrix; reviews do not matter here.

    Returns
    -------
    Cutoff
        The middle between the two probabilities that the cheapest threshold separates; just above 1 if it is best
        never to act. Where several are equally cheap, the one nearest to `threshold(costs)`.

    Raises
    ------
    DataError
        If there are no rows.
    """
    truth, p = np.asarray(label) == 1, np.asarray(probability, dtype=np.float64)
    if not len(p):
        raise DataError("There are no rows to find a threshold on.")
    if truth.shape != p.shape:
        raise DataError(f"There are {len(truth)} labels for {len(p)} probabilities.")
    values, place = np.unique(p, return_inverse=True)
    # The middle of two neighbouring numbers can be the lower one, which would not separate them.
    between = np.maximum((values[1:] + values[:-1]) / 2, np.nextafter(values[:-1], np.inf))
    cuts = np.concatenate([[0.0], between, [1.0 if values[-1] < 1 else np.nextafter(1, 2)]])
    alarm, miss = _regrets(costs)
    # What acting costs more than not acting, from each cut on.
    acting = np.bincount(place, weights=np.where(truth, -miss, alarm), minlength=len(values))
    total = np.concatenate([np.cumsum(acting[::-1])[::-1], [0.0]])
    best = np.flatnonzero(total <= total.min() + 1e-9 * max(1.0, abs(total.min())))
    nearest = best[np.argmin(np.abs(cuts[best] - threshold(costs)))]
    leave = realised(costs, np.zeros(len(p), dtype=bool), truth).mean()
    return Cutoff(float(cuts[nearest]), float(leave) + float(total[nearest]) / len(p))


def capacity_price(costs: Costs, probability: ArrayLike, capacity: float) -> float:
    """Return what a review must save so that, on rows like these, no more than a share `capacity` is reviewed.

    Parameters
    ----------
    probability
        Probabilities of rows that stand for the future ones, float [n].
    capacity
        Share of decisions that people can review.
    """
    gain = np.sort(expected(costs, probability).gain)[::-1]
    first_refused = int(np.floor(capacity * len(gain) + 1e-9))
    return float(max(0.0, gain[first_refused])) if first_refused < len(gain) else 0.0


def _regrets(costs: Costs) -> tuple[float, float]:
    """Return what a false alarm and what a miss cost more than the right action."""
    return costs.false_positive - costs.true_negative, costs.false_negative - costs.true_positive
