"""Anytime-valid sequential test: an e-process by betting that may be looked at after every value, and stopped at any.

A fixed-sample test that is looked at again and again finds something sooner or later. Here a bettor with one coin of
capital bets against "the mean is at most m"; if that is true, the chance that the capital ever reaches 1 / error is at
most `error` (Ville's inequality), however often somebody looks and whatever makes them stop.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError
from loopbook.statistics.intervals import Interval

Floats = NDArray[np.float64]
Finding = Literal["better", "worse", "open"]

_BETS = np.geomspace(1e-3, 0.95, 24)
"""Shares of the most that can be bet at all: small ones find small means after long, large ones large means soon."""
_STEPS = 20  # halvings in the search for the ends of a confidence sequence: a millionth of the range


class Sequential(NamedTuple):
    """What a sequential test says after all values so far.

    Attributes
    ----------
    finding
        ``better``: the mean is above 0; ``worse``: it is below; ``open``: neither is shown yet.
    at
        After how many values it was found; 0 while it is open.
    values
        How many values there are.
    mean
        Of the values, with the confidence sequence: the ends hold at all times together, not only now.
    better, worse
        The most that the capital has been that was bet on either side: evidence (e-values), 1 at the beginning.
    """

    finding: Finding
    at: int
    values: int
    mean: Interval
    better: float
    worse: float


def test(values: ArrayLike, bound: float, error: float = 0.05) -> Sequential:
    """Test whether the mean of values in [-bound, bound] is above or below 0, valid at whatever time it is looked at.

    Parameters
    ----------
    values
        In the order in which they became known [n]. The mean of each may depend on those before it: what is tested is
        that no value was to be expected above (below) 0, given those before.
    bound
        No value is farther from 0.
    error
        Chance of ever finding ``better`` where the mean is not above 0; the same for ``worse`` where it is not below.

    Raises
    ------
    DataError
        If a value is missing or farther from 0 than `bound`.

    References
    ----------
    Waudby-Smith & Ramdas (2024), Estimating means of bounded random variables by betting: the capital process; several
    bets mixed (diversified Kelly). Ville (1939), Étude critique de la notion de collectif: the inequality.
    """
    x = _unit(values, bound)
    if not len(x):
        return Sequential("open", 0, 0, Interval(np.nan, -bound, bound), 1.0, 1.0)
    sides = log_capital(x, 0.5), log_capital(1 - x, 0.5)
    found = [np.flatnonzero(side >= -np.log(error)) for side in sides]
    at = [int(side[0]) + 1 if len(side) else 0 for side in found]
    finding: Finding = "open"
    if any(at):
        finding = "better" if at[0] and (not at[1] or at[0] < at[1]) else "worse"
    low, high = _lowest(x, error), 1 - _lowest(1 - x, error)
    mean = Interval(*(float(end) for end in (2 * np.array([x.mean(), low, high]) - 1) * bound))
    most = [float(np.exp(min(max(side.max(), 0.0), 700.0))) for side in sides]
    return Sequential(finding, at[0] if finding == "better" else at[1], len(x), mean, *most)


def log_capital(x: Floats, mean: float) -> Floats:
    """Return the log of the capital after each value in [0, 1], bet on that their mean is above `mean`, float [n]."""
    gain = np.log1p(_BETS[:, None] * (x / mean - 1)[None, :]).cumsum(axis=1)
    most = gain.max(axis=0)
    return np.asarray(most + np.log(np.exp(gain - most).mean(axis=0)), dtype=np.float64)


def weighted(loss: ArrayLike, treated: ArrayLike, share: float) -> Floats:
    """Return values whose mean is what the untreated lose more than the treated: augmented inverse propensity weights.

    Each row was treated by a coin of its own, so the value of a single row says something of the difference, once it is
    weighed by how likely its arm was. What was lost on average before a row is taken off first: that changes no mean,
    for it is known before the coin falls, and makes the values less noisy.

    Parameters
    ----------
    loss
        In [0, 1], of rows in the order in which they became known [n].
    treated
        bool [n].
    share
        Chance of each row to be treated, in (0, 1).

    Returns
    -------
    Floats
        [n], none farther from 0 than ``1 / min(share, 1 - share)``.

    References
    ----------
    Waudby-Smith, Wu, Ramdas, Karampatziakis & Mineiro (2024), Anytime-valid off-policy inference for contextual
    bandits; Robins, Rotnitzky & Zhao (1994), Estimation of regression coefficients when some regressors are not always
    observed.
    """
    each, arm = np.asarray(loss, dtype=np.float64), np.asarray(treated, dtype=bool)
    before = np.concatenate([[0.5], (0.5 + each.cumsum()) / (1 + np.arange(1, len(each) + 1))])[: len(each)]
    return np.asarray(np.where(arm, -1 / share, 1 / (1 - share)) * (each - before), dtype=np.float64)


def _unit(values: ArrayLike, bound: float) -> Floats:
    """Return values of [-bound, bound] in [0, 1]."""
    each = np.asarray(values, dtype=np.float64)
    wrong = np.flatnonzero(~(np.abs(each) <= bound * (1 + 1e-9)))
    if len(wrong):
        raise DataError(f"Value {wrong[0]} of the sequential test is {each[wrong[0]]}, not within ±{bound:g}.")
    return np.asarray(np.clip((each / bound + 1) / 2, 0.0, 1.0), dtype=np.float64)


def _lowest(x: Floats, error: float) -> float:
    """Return the lower end of the confidence sequence, at `error` / 2: the least mean that was at no time disproved."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        disproved = log_capital(x, middle).max() >= -np.log(error / 2)
        low, high = (middle, high) if disproved else (low, middle)
    return low
