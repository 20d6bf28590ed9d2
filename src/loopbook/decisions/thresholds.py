"""Threshold and reject band: what the cost matrix comes to where there are two actions for two classes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from loopbook.decisions import costs
from loopbook.decisions.costs import CostMatrix, Floats
from loopbook.scenario.decisions import DecisionsSettings
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Anomaly, Task
from loopbook.statistics import tails
from loopbook.statistics.targets import of_yes
from loopbook.store.stage import Stage


class Cutoff(NamedTuple):
    """The threshold that was cheapest on some rows, and its cost a decision there."""

    value: float
    cost: float


class InForce(NamedTuple):
    """The threshold in force, where it comes from, and why an approved one is void, if it is; None: there is none."""

    value: float | None
    origin: str
    void: str

    def _repr_markdown_(self) -> str:
        if self.value is None:
            return f"There is no threshold: {self.origin}."
        said = f"The threshold in force is {self.value:.3f}: {self.origin}. A policy without one, or with its own,"
        return f"{self.void}{said} decides otherwise (notebook 05)."


def drawn(prices: CostMatrix, grid: Floats, names: tuple[str, ...]) -> dict[str, tuple[Floats, Floats]]:
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
    lines = dict(zip(names, prices.expected(grid).T, strict=True))
    top = 1.5 * sorted(float(line.max()) for line in lines.values())[1]
    return {name: (grid, np.where(line <= top, line, np.nan) if top > 0 else line) for name, line in lines.items()}


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


def in_force(
    settings: DecisionsSettings, approved: float | None, prices: CostMatrix, task: Task | None = None
) -> tuple[float, str]:
    """Return the threshold in force, and where it comes from.

    Parameters
    ----------
    settings
        The scenario's; a threshold that it sets goes before an approved one.
    approved
        From the round's snapshot; None: none was approved, so that the cost matrix says.
    prices
        The cost matrix of two classes.
    task
        Of anomalies, its budget of false alarms says from where there is an alarm; what is done then, the costs.
    """
    if settings.threshold is not None:
        return settings.threshold, "as the scenario says"
    if approved is not None:
        return approved, "as approved"
    if isinstance(task, Anomaly):
        budget = f"{task.false_alarms:g} false alarm{'' if task.false_alarms == 1 else 's'} a month"
        return float(tails.posterior(task.false_alarms / task.monthly, task.prior)), f"a budget of {budget}"
    return prices.threshold, "cheapest expected by the cost matrix"


def carried(stage: Stage, approved_threshold: float | None, model: str | None) -> InForce:
    """Return the threshold in force in a round, from what its snapshot carries (`approved`, `in_force`)."""
    prices = costs.of(stage.scenario.decisions.costs, stage.scenario.task)
    if not prices.two:
        return InForce(None, "of several actions, the one that is expected to cost least is taken", "")
    valid, void = approved(approved_threshold, model, stage.digest("champion"))
    return InForce(*in_force(stage.scenario.decisions, valid, prices, stage.scenario.task), void)


def band(prices: CostMatrix, price: float = 0.0) -> tuple[float, float]:
    """Return the probabilities between which asking a person is expected to be cheapest.

    Parameters
    ----------
    prices
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
    alarm, miss = prices.regrets
    error, paid = prices.error, prices.review + price
    low = (paid + error * alarm) / ((1 - error) * miss + error * alarm)
    high = ((1 - error) * alarm - paid) / ((1 - error) * alarm + error * miss)
    return (low, high) if low < high else (prices.threshold, prices.threshold)


def cheapest(label: ArrayLike, probability: ArrayLike, prices: CostMatrix) -> Cutoff:
    """Return the threshold that would have been cheapest on these rows, whether or not they are calibrated.

    Parameters
    ----------
    label
        0 or 1 [n].
    probability
        float [n].
    prices
        The cost matrix; reviews do not matter here.

    Returns
    -------
    Cutoff
        The middle between the two probabilities that the cheapest threshold separates; just above 1 if it is best
        never to act. Where several are equally cheap, the one nearest to `CostMatrix.threshold`.

    Raises
    ------
    DataError
        If there are no rows.
    """
    truth, p = np.asarray(label) == 1, of_yes(probability)
    if not len(p):
        raise DataError("There are no rows to find a threshold on.")
    if truth.shape != p.shape:
        raise DataError(f"There are {len(truth)} labels for {len(p)} probabilities.")
    values, place = np.unique(p, return_inverse=True)
    # The middle of two neighbouring numbers can be the lower one, which would not separate them.
    between = np.maximum((values[1:] + values[:-1]) / 2, np.nextafter(values[:-1], np.inf))
    cuts = np.concatenate([[0.0], between, [1.0 if values[-1] < 1 else np.nextafter(1, 2)]])
    alarm, miss = prices.regrets
    # What acting costs more than not acting, from each cut on.
    acting = np.bincount(place, weights=np.where(truth, -miss, alarm), minlength=len(values))
    total = np.concatenate([np.cumsum(acting[::-1])[::-1], [0.0]])
    best = np.flatnonzero(total <= total.min() + 1e-9 * max(1.0, abs(total.min())))
    nearest = best[np.argmin(np.abs(cuts[best] - prices.threshold))]
    leave = prices.realised(np.zeros(len(p)), truth).mean()
    return Cutoff(float(cuts[nearest]), float(leave) + float(total[nearest]) / len(p))
