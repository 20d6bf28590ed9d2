"""Position bias: how often a place of a list is looked at, by the position-based model, from clicks themselves."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError
from loopbook.statistics.intervals import Interval

FOLDS = 20
"""Parts of the lists, each of which is left out once for the interval (grouped jackknife)."""
_STEPS, _CLOSE = 1_000, 1e-6

Floats = NDArray[np.float64]


class _Cells(NamedTuple):
    """Clicks and views of each unit at each place, by the part of the lists: float64 [folds, units, places]."""

    shown: Floats
    clicks: Floats


def estimate(place: ArrayLike, click: ArrayLike, unit: ArrayLike, shown: ArrayLike) -> pd.DataFrame:
    r"""Return the examination of each place, relative to the first.

    The position-based model says that a row is clicked if its place is looked at and what stands there is relevant,
    :math:`P(c=1) = \theta_k\, r_u`. Only units that have stood at several places tell the two apart, so a policy that
    explores is worth more here than many clicks. With :math:`n_{uk}` views of a unit at a place the clicks expected
    are :math:`n_{uk} \theta_k r_u`; both factors are fitted until sums by place and by unit are those that were
    counted: the maximum of the Poisson likelihood, which is right in the mean for clicks too.

    Parameters
    ----------
    place
        Of each row, from 1.
    click
        0 or 1.
    unit
        What is equally relevant wherever it stands: an item where lists are not personal, else an item together with
        how relevant the policy took it to be for this reader.
    shown
        The list that the row belongs to.

    Returns
    -------
    DataFrame
        Index ``place``; ``value``, ``low``, ``high`` (95%, over lists), ``shown`` (rows), ``clicks``, ``rate`` (what is
        clicked, as it is).

    Raises
    ------
    DataError
        If no unit has stood at more than one place, or nothing was clicked at the first.

    References
    ----------
    Richardson, Dominowska & Ragno (2007) and Craswell et al. (2008) for the model; Agarwal et al. (2019), Estimating
    position bias without intrusive interventions, for what items that stand at several places tell.
    """
    from scipy.special import stdtrit

    cells = _counted(place, click, unit, shown)
    views, clicks = cells.shown.sum(axis=0), cells.clicks.sum(axis=0)
    if not clicks[:, 0].sum() or ((views > 0).sum(axis=1) < 2).all():
        raise DataError(
            "Position bias cannot be told from relevance: nothing was clicked at the first place, or nothing has "
            "stood at more than one. Let a share of the lists be explored (studies.lists.exploration)."
        )
    own = _fitted(views, clicks)
    folds = len(cells.shown)
    left = np.stack([_fitted(views - cells.shown[at], clicks - cells.clicks[at]) for at in range(folds)])
    error = np.sqrt((folds - 1) / folds * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    half = float(stdtrit(folds - 1, 0.975)) * error if folds > 1 else np.full_like(own, np.nan)
    seen, taken = views.sum(axis=0), clicks.sum(axis=0)
    found = [Interval(*ends) for ends in zip(own, np.maximum(own - half, 0), own + half, strict=True)]
    table = pd.DataFrame(found, index=pd.RangeIndex(1, len(own) + 1, name="place"), columns=["value", "low", "high"])
    return table.assign(shown=seen.astype(np.int64), clicks=taken.astype(np.int64), rate=taken / np.maximum(seen, 1))


def known(rows: pd.DataFrame) -> pd.DataFrame | None:
    """Return `estimate` of rows of lists, each item as relevant wherever it stands; None where clicks cannot tell it.

    Parameters
    ----------
    rows
        With `place`, `label`, `item` and `shown`; those without a place or a label do not count.
    """
    placed = rows[rows["place"].notna() & rows["label"].notna()]
    try:
        return estimate(placed["place"], placed["label"], placed["item"], placed["shown"]) if len(placed) else None
    except DataError:
        return None


def beyond(shown: ArrayLike, clicks: ArrayLike, examination: ArrayLike) -> float:
    r"""Return the p value of clicks under the hypothesis that all that was looked at was clicked: an exact test.

    No user, however keen, clicks what was not looked at, so clicks at place :math:`k` and below are at most a sum of
    binomials, :math:`\sum_{j \ge k} B(n_j, \theta_j)` (Poisson binomial). The least tail over :math:`k`, by Bonferroni:
    who clicks too much and who clicks too deep are both found.

    Parameters
    ----------
    shown, clicks, examination
        Of each place, [K]: how often a user saw a list with it, clicked there, and :math:`\theta`.
    """
    from scipy.stats import binom

    views, own, theta = (np.asarray(values, dtype=np.float64) for values in (shown, clicks, examination))
    most, taken = (np.cumsum(values[::-1]) for values in (views * theta, own))
    if (taken <= most).all():
        return 1.0
    tail, least = np.ones(1), 1.0
    for views_at, theta_at, so_far in zip(views[::-1], theta[::-1], taken, strict=True):
        tail = np.convolve(tail, binom.pmf(np.arange(views_at + 1), views_at, theta_at))
        least = min(least, float(tail[int(so_far) :].sum()))
    return min(1.0, least * max(1, int((views > 0).sum())))


def at(table: pd.DataFrame, place: ArrayLike) -> Floats:
    """Return the examination of each row's place, at most 1; places beyond the table count as its last."""
    where = np.minimum(np.asarray(place, dtype=np.int64), len(table)) - 1
    return np.asarray(np.clip(table["value"].to_numpy(np.float64)[where], 1e-3, 1.0))


def posterior(examination: ArrayLike, relevance: ArrayLike, click: ArrayLike) -> Floats:
    r"""Return how probable it is that a row was looked at: 1 if it was clicked, else :math:`\theta(1-r)/(1-\theta r)`.

    As weights of rows these make a click rate a relevance: a place that is rarely looked at hardly speaks against what
    stood there. It is the E step of the position-based model.

    Parameters
    ----------
    examination, relevance, click
        Of each row: :math:`\theta`, :math:`r` if it is looked at, and 0 or 1.
    """
    theta, r = np.asarray(examination, dtype=np.float64), np.asarray(relevance, dtype=np.float64)
    unseen = theta * (1 - r) / np.maximum(1 - theta * r, 1e-9)
    return np.where(np.asarray(click) == 1, 1.0, np.clip(unseen, 0.0, 1.0))


def _counted(place: ArrayLike, click: ArrayLike, unit: ArrayLike, shown: ArrayLike) -> _Cells:
    where = np.asarray(place, dtype=np.int64) - 1
    units, lists = pd.factorize(np.asarray(unit))[0], pd.factorize(np.asarray(shown))[0]
    folds = max(1, min(FOLDS, int(lists.max(initial=-1)) + 1))
    shape = (folds, int(units.max(initial=-1)) + 1, int(where.max(initial=-1)) + 1)
    cell = np.ravel_multi_index((lists % folds, units, where), shape)
    taken = np.asarray(click, dtype=np.float64)
    counts = (np.bincount(cell, weights=weight, minlength=int(np.prod(shape))) for weight in (None, taken))
    return _Cells(*(count.reshape(shape).astype(np.float64) for count in counts))


def _fitted(shown: Floats, clicks: Floats) -> Floats:
    """Return the examination by place from views and clicks [units, places], by iterative proportional fitting."""
    by_place, by_unit = clicks.sum(axis=0), clicks.sum(axis=1)
    theta = np.ones(shown.shape[1])
    for _ in range(_STEPS):
        before, expected = theta, shown @ theta
        relevance = np.divide(by_unit, expected, out=np.zeros_like(expected), where=expected > 0)
        views = relevance @ shown
        theta = np.divide(by_place, views, out=np.zeros_like(views), where=views > 0)
        theta = theta / max(theta[0], 1e-12)
        if np.abs(theta - before).max() < _CLOSE:
            break
    return np.asarray(theta)
