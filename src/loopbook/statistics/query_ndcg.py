"""NDCG of the rows of each query: those that were put before one user, in the order of their scores."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def ndcg(label: Floats, score: Floats, queries: ArrayLike, at: int = 10) -> tuple[Floats, NDArray[np.intp]]:
    r"""Return NDCG@k of each query, [q], and the query of each row, [n]; NaN where none of its rows is positive.

    :math:`\sum_{i \le k} g_i / \log_2(i + 1)`, over that of the best order. Rows of equal scores stand in every order
    alike: each has their mean gain (McSherry & Najork 2008), so that whoever scores all rows alike gains nothing from
    the order in which they were shown.
    """
    members = np.unique(np.asarray(queries).astype(str), return_inverse=True)[1]
    count = int(members.max(initial=-1)) + 1

    def discounted(order: NDArray[np.intp], gain: Floats) -> Floats:
        query = members[order]
        starts = np.searchsorted(query, np.arange(count))
        place = np.arange(len(order)) - starts[query]
        worth = np.where(place < at, gain / np.log2(place + 2), 0.0)
        return np.asarray(np.bincount(query, worth, count), dtype=np.float64)

    order = np.lexsort((-score, members))
    fresh = np.append(True, (np.diff(score[order]) != 0) | (np.diff(members[order]) != 0))
    run = np.cumsum(fresh) - 1
    mean = np.bincount(run, label[order]) / np.bincount(run)
    best = np.lexsort((-label, members))
    ideal = discounted(best, label[best])
    found = discounted(order, mean[run])
    return np.divide(found, ideal, out=np.full(count, np.nan), where=ideal > 0), members
