"""Ranking metrics: NDCG, recall, MAP and MRR of lists, with intervals over users; coverage, novelty, diversity, bias.

A list is a row of columns of items, best first, int64 [q, k]; -1 where a place is empty. What a user took is a sparse
matrix [q, I] of gains above 0. A user who took nothing says nothing of a list: all that is theirs is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.statistics import bootstrap
from loopbook.statistics.intervals import NOTHING, Interval

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Lists = NDArray[np.int64]

AT = 10
"""Places that count, where nobody says otherwise."""
METRICS = ("ndcg", "recall", "map", "mrr")


def gains(lists: Lists, taken: csr_array) -> Floats:
    """Return the gain of what stands at each place, float64 [q, k]; 0 where it was not taken."""
    width = taken.shape[1]
    rows = np.repeat(np.arange(taken.shape[0]), np.diff(taken.indptr))
    keys = rows * width + taken.indices
    order = np.argsort(keys, kind="stable")
    if not len(keys):
        return np.zeros(lists.shape)
    keys, values = keys[order], taken.data[order].astype(np.float64)
    asked = np.arange(len(lists))[:, None] * width + lists
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where((lists >= 0) & (keys[place] == asked), values[place], 0.0)


def by_user(lists: Lists, taken: csr_array, at: int = AT) -> pd.DataFrame:
    r"""Return NDCG, recall, average precision and reciprocal rank of each user's list, over its first places.

    With the gain :math:`g_i` of place i, :math:`h_i = [g_i > 0]`, R items taken and k places:

    .. math::
        \mathrm{NDCG@}k = \frac{\sum_{i \le k} g_i / \log_2(i + 1)}{\sum_{i \le k} g^*_i / \log_2(i + 1)},\quad
        \mathrm{recall@}k = \frac{\sum_{i \le k} h_i}{\min(k, R)},\quad
        \mathrm{AP@}k = \frac{\sum_{i \le k} h_i \cdot \frac1i \sum_{j \le i} h_j}{\min(k, R)},\quad
        \mathrm{RR@}k = \max_{i \le k} \frac{h_i}{i}

    where :math:`g^*` are the gains of what was taken, the largest first. All are at best 1.

    Parameters
    ----------
    lists
        int64 [q, k or more].
    taken
        Gains of what each user took, [q, I].
    at
        Places that count.

    Returns
    -------
    DataFrame
        Columns ``ndcg, recall, map, mrr``, a row a user; NaN for who took nothing.

    References
    ----------
    Järvelin & Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques, with linear gains; Liang et al.
    (2018), Variational autoencoders for collaborative filtering, for a recall that is at best 1.
    """
    found = gains(lists[:, :at], taken)
    hit, places = found > 0, np.arange(1, found.shape[1] + 1)
    most = np.minimum(at, np.diff(taken.indptr)).astype(np.float64)
    most[most == 0] = np.nan
    each = {
        "ndcg": found @ (1 / np.log2(places + 1)) / _ideal(taken, at),
        "recall": hit.sum(axis=1) / most,
        "map": (hit * np.cumsum(hit, axis=1) / places).sum(axis=1) / most,
        "mrr": (hit / places).max(axis=1, initial=0.0),
    }
    return pd.DataFrame(each).where(pd.Series(most > 0))


def _ideal(taken: csr_array, at: int) -> Floats:
    """Return the discounted gain of the best list, [q]; NaN for who took nothing."""
    rows = np.repeat(np.arange(taken.shape[0]), np.diff(taken.indptr))
    order = np.lexsort((-taken.data, rows))
    place = np.arange(len(rows)) - np.repeat(taken.indptr[:-1], np.diff(taken.indptr))
    worth = np.where(place < at, taken.data[order] / np.log2(place + 2), 0.0)
    total = np.bincount(rows, weights=worth, minlength=taken.shape[0])
    return np.where(total > 0, total, np.nan)


def scores(each: pd.DataFrame, resamples: int = 1_000, seed: int = 0) -> pd.DataFrame:
    """Return the mean of each column over users with its 95% interval: index ``metric``; ``value, low, high, users``.

    All columns are resampled together, so whoever puts two rankers' figures of the same users into one table has
    intervals of one resampling. Users whose row is NaN are left out.
    """
    known = each.dropna()
    if not len(known):
        table = pd.DataFrame([NOTHING] * each.shape[1], columns=["value", "low", "high"], index=each.columns)
        return table.assign(users=0).rename_axis("metric")
    values = known.to_numpy(np.float64)
    draws = bootstrap.means(values, None, resamples, seed)
    found = [
        bootstrap.percentile(value, drawn, len(known))
        for value, drawn in zip(values.mean(axis=0), draws.T, strict=True)
    ]
    table = pd.DataFrame(found, columns=["value", "low", "high"], index=each.columns)
    return table.assign(users=len(known)).rename_axis("metric")


def paired(a: Sequence[float] | Any, b: Sequence[float] | Any, resamples: int = 1_000, seed: int = 0) -> Interval:
    """Return by how much a metric of the same users is larger in `a` than in `b`, in the mean, with its interval."""
    gap = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    gap = gap[~np.isnan(gap)]
    return bootstrap.mean(gap, None, resamples, seed) if len(gap) else NOTHING


def exposure(lists: Lists, items: int) -> NDArray[np.int64]:
    """Return in how many lists each item stands, int64 [I]."""
    return np.bincount(lists[lists >= 0], minlength=items)


def gini(exposed: NDArray[Any]) -> float:
    r"""Return the Gini coefficient of the items' exposure: 0 where all are shown alike, near 1 where one is.

    :math:`G = \sum_i (2i - n - 1) x_i / (n \sum_i x_i)`, with :math:`x` ascending (Adomavicius & Kwon 2012).
    """
    total, count = float(exposed.sum()), len(exposed)
    if not total:
        return np.nan
    return float((2 * np.arange(1, count + 1) - count - 1) @ np.sort(exposed) / (count * total))


def novelty(lists: Lists, popularity: NDArray[Any], users: int) -> float:
    r"""Return the mean self-information of what is shown, in bits: :math:`-\log_2 \frac{n_i + 1}{U + 1}`.

    Of an item that :math:`n_i` of U users took: the rarer it is, the less a reader knew of it (Vargas & Castells 2011).
    """
    shown = popularity[lists[lists >= 0]].astype(np.float64)
    return float(-np.log2((shown + 1) / (users + 1)).mean()) if len(shown) else np.nan


def diversity(lists: Lists, vectors: NDArray[Any]) -> Floats:
    r"""Return the intra-list diversity of each list, [q]: 1 less the mean cosine of two of its items.

    With unit vectors :math:`v` of k items it is :math:`1 - (\|\sum_i v_i\|^2 - k) / (k (k - 1))` (Ziegler et al. 2005).
    An item of which nothing is known, whose vector is zero, does not count; NaN for a list of fewer than two others.
    """
    vectors = np.vstack([vectors, np.zeros((1, vectors.shape[1]))])  # -1 is the row of zeros
    long = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(long, 1e-12)
    count = (long[lists, 0] > 0).sum(axis=1)
    pairs = (np.square(unit[lists].sum(axis=1)).sum(axis=1) - count) / np.maximum(count * (count - 1), 1)
    return np.where(count > 1, 1 - pairs, np.nan)


def popularity_lift(lists: Lists, history: csr_array, popularity: NDArray[Any]) -> float:
    r"""Return the popularity lift: by what share what is shown is more popular than what its users took before.

    :math:`(\mathrm{GAP}_r - \mathrm{GAP}_p) / \mathrm{GAP}_p`, GAP being the mean over users of the mean popularity of
    the items in their list (r) and in their history (p). Users without a history do not count.

    References
    ----------
    Abdollahpouri et al. (2019), The unfairness of popularity bias in recommendation.
    """
    taken, shown = np.diff(history.indptr), (lists >= 0).sum(axis=1)
    known = (taken > 0) & (shown > 0)
    if not known.any():
        return np.nan
    counts = np.append(popularity.astype(np.float64), 0.0)
    rows = np.repeat(np.arange(len(taken)), taken)
    before = np.bincount(rows, weights=counts[history.indices], minlength=len(taken))[known] / taken[known]
    after = counts[lists].sum(axis=1)[known] / shown[known]
    return float(after.mean() / before.mean() - 1)


def beyond_accuracy(
    lists: Lists, history: csr_array, popularity: NDArray[Any], vectors: NDArray[Any] | None = None
) -> Mapping[str, float]:
    """Return what lists are besides right: coverage (share of items), Gini, novelty, popularity lift, diversity.

    They stand without an interval: how many items are covered is no mean over users, and a resample of users, which
    repeats some, always covers fewer.

    Parameters
    ----------
    history
        What the users had taken before, [q, I].
    popularity
        By how many users each item was taken before, [I].
    vectors
        Of items, such as sentence embeddings of their texts, [I, d]; None, or all zero: no diversity.
    """
    exposed = exposure(lists, len(popularity))
    found = {
        "coverage": float((exposed > 0).mean()),
        "gini": gini(exposed),
        "novelty": novelty(lists, popularity, history.shape[0]),
        "popularity_lift": popularity_lift(lists, history, popularity),
    }
    if vectors is not None and np.any(vectors):
        found["diversity"] = float(np.nanmean(diversity(lists, vectors)))
    return found
