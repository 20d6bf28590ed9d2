r"""Off-policy evaluation: what other lists would have been worth, from lists that were logged with propensities.

Under the position-based model a list is worth :math:`V = \sum_k \theta_k r(i_k)`, with the examination :math:`\theta`
of places and the relevance r of items. A log that fills places one after another, each from what is left with a known
probability, is a sample of items without replacement with unequal probabilities, drawn in order; each place gives

.. math:: t_k = \sum_{j<k} y_j + y_k / p_k, \qquad y_j = \theta_\pi(i_j)\, c_j / \theta_j

where :math:`p_k` is the propensity given the places above, :math:`c_j` the click and :math:`\theta_\pi(i)` the
examination of item i in the list that is judged (0 if it is not in it). Every :math:`t_k` is unbiased (Des Raj), and so
is their mean; its weights are :math:`\theta_k`, as the variance of :math:`t_k` grows with :math:`1 / \theta_k`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError
from loopbook.statistics import bootstrap

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

ESTIMATORS = ("ips", "self_normalised", "doubly_robust")


@dataclass(frozen=True, eq=False)
class Log:
    """Lists that were shown, place by place; -1 and NaN where a list has no such place.

    Attributes
    ----------
    shown, groups
        [n], id of each list, and whose it was.
    items
        int64 [n, k], numbers of items.
    clicks, propensity
        float [n, k], what was taken, and how probable that item was, given the places above.
    """

    shown: NDArray[Any]
    groups: NDArray[Any]
    items: Places
    clicks: Floats
    propensity: Floats


def log(rows: pd.DataFrame, items: ArrayLike) -> Log:
    """Return logged rows as lists, in the order in which each first occurs.

    Parameters
    ----------
    rows
        One row a place: shown, item, place (from 1), propensity, label (taken or not), group.
    items
        str [I], whose positions are the numbers.

    Raises
    ------
    DataError
        If a propensity or a place is missing, a place occurs twice or not at all, or an item is not among `items`.
    """
    missing = int((~(rows["propensity"] > 0)).sum())
    if missing:
        raise DataError(
            f"{missing:,} of {len(rows):,} rows have no propensity, so what other lists were worth cannot be told from "
            "this log. Log how probable each place was (task.propensity), from a policy that explores."
        )
    lists, shown = pd.factorize(rows["shown"])
    place = rows["place"].to_numpy(np.float64)
    count = int(np.nanmax(place, initial=0))
    filled = np.zeros((len(shown), count), dtype=np.int64)
    if np.isnan(place).any():
        raise DataError(f"{int(np.isnan(place).sum()):,} rows have no place (task.place).")
    at = (lists, place.astype(np.int64) - 1)
    np.add.at(filled, at, 1)
    wrong = (filled > 1).any(axis=1) | (np.diff(filled, axis=1) > 0).any(axis=1)
    if wrong.any():
        raise DataError(f"List {shown[int(wrong.argmax())]!r} has a place twice, or one without the place above it.")
    number = pd.Index(np.asarray(items)).get_indexer(pd.Index(rows["item"]))
    if (number < 0).any():
        raise DataError(f"Item {rows['item'].iloc[int(np.argmin(number))]!r} of the log is not among the items.")
    empty = np.full(filled.shape, np.nan)
    table = {"items": np.full(filled.shape, -1), "clicks": empty, "propensity": empty.copy()}
    columns = {"items": number, "clicks": rows["label"], "propensity": rows["propensity"]}
    for name, values in columns.items():
        table[name][at] = np.asarray(values, dtype=table[name].dtype)
    groups = rows["group"].to_numpy()[np.unique(lists, return_index=True)[1]]
    return Log(np.asarray(shown), groups, table["items"], table["clicks"], table["propensity"])


def terms(
    logged: Log, lists: ArrayLike, examination: ArrayLike, expected: tuple[ArrayLike, ArrayLike] | None = None
) -> pd.DataFrame:
    """Return what each logged list says of the list that would have stood in its place.

    Parameters
    ----------
    logged
        The log [n, k].
    lists
        int64 [n, m], numbers of the items of the list that is judged, for the same user and moment, made without
        looking at these lists (what the log's own policy is worth are its clicks); -1 where it is shorter. Where it
        is drawn, one draw of it.
    examination
        float [at least k and m], how probable it is that each place is looked at.
    expected
        Relevance that a model expects of the logged items [n, k] and of the judged lists' [n, m]; it has not learnt
        from these lists. Without it nothing is doubly robust.

    Returns
    -------
    DataFrame
        A row a list: ``ips``, ``weight`` (the same of 1 for every click; its mean is ``places`` if the log can tell),
        ``places`` (the sum of examination), and ``doubly_robust``, ``direct`` where something is expected.

    References
    ----------
    Des Raj (1956), Some estimators in sampling with varying probabilities without replacement; Li, Abbasi-Yadkori,
    Kveton, Muthukrishnan, Vinay & Wen (2018), Offline evaluation of ranking policies with click models; Dudík,
    Langford & Li (2011), Doubly robust policy evaluation and learning.
    """
    judged, theta = np.asarray(lists, dtype=np.int64), np.asarray(examination, dtype=np.float64)
    places, own = theta[: judged.shape[1]] * (judged >= 0), theta[: logged.items.shape[1]]
    same = (logged.items[:, :, None] == judged[:, None, :]) & (judged >= 0)[:, None, :]
    wanted = (same * places[:, None, :]).sum(axis=2)
    there = logged.items >= 0
    chance = np.where(there, logged.propensity, 1.0)
    weights = np.where(there, own, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)

    def mean(values: Floats) -> Floats:
        y = np.where(there, wanted * np.nan_to_num(values), 0.0)
        above = np.cumsum(y, axis=1) - y
        return np.asarray((weights * (above + y / chance)).sum(axis=1))

    relevance = logged.clicks / own
    found = {"ips": mean(relevance), "weight": mean(np.ones_like(relevance)), "places": places.sum(axis=1)}
    if expected is not None:
        there_, here = (np.asarray(values, dtype=np.float64) for values in expected)
        direct = (places * np.where(judged >= 0, here, 0.0)).sum(axis=1)
        found |= {"doubly_robust": direct + mean(relevance - there_), "direct": direct}
    return pd.DataFrame(found, index=pd.Index(logged.shown, name="shown"))


def value(told: pd.DataFrame, groups: ArrayLike, resamples: int = 2_000, seed: int = 0) -> pd.DataFrame:
    """Return what lists are worth by each estimator, in clicks a list, with 95% intervals.

    Parameters
    ----------
    told
        As `terms` returns it, or the difference of two of them: what one policy is worth more than another, paired.
    groups
        Whose each list was: whole groups are drawn.

    Returns
    -------
    DataFrame
        Index ``estimator``; ``value, low, high``. The row ``support`` is the mean weight by what it must be: an
        interval without 1 says that the log cannot have shown all that is judged (not in a difference).
    """
    columns = [name for name in ("ips", "doubly_robust", "direct", "weight", "places") if name in told]
    values = told[columns].to_numpy(np.float64)
    count = bootstrap.units(len(told), groups)
    draws = dict(zip(columns, bootstrap.means(values, groups, resamples, seed).T, strict=True))
    means = dict(zip(columns, values.mean(axis=0), strict=True))
    for of in (means, draws):
        if means["places"] > 0:  # a difference of two policies has none of its own
            of["support"] = of["weight"] / of["places"]
            of["self_normalised"] = of["ips"] / of["support"]
    names = [name for name in (*ESTIMATORS, "direct", "support") if name in means]
    rows = [bootstrap.percentile(means[name], draws[name], count) for name in names]
    return pd.DataFrame(rows, index=pd.Index(names, name="estimator"), columns=["value", "low", "high"])
