"""Interactions: who took what, as a sparse matrix whose rows are histories in the order of taking.

The matrix is `scipy.sparse.csr_array`, float32 [q, I]; within a row the indices stand in the order of taking, oldest
first, each item once (the last time that it was taken). Nothing here sorts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def matrix(
    users: ArrayLike,
    items: ArrayLike,
    shape: tuple[int, int],
    time: ArrayLike | None = None,
    values: ArrayLike | None = None,
) -> csr_array:
    """Return the interactions of users with items, both as positions: float32 [q, I] of ones.

    Parameters
    ----------
    users, items
        Of each interaction, int [n].
    time
        By which they are in order; None: as they stand.
    values
        Take the place of the ones.
    """
    from scipy.sparse import csr_array

    row, column = np.asarray(users, dtype=np.int64), np.asarray(items, dtype=np.int64)
    order = np.lexsort((np.arange(len(row)) if time is None else np.asarray(time), row))
    row, column = row[order], column[order]
    # The last of each pair stays: unique finds the first, so it is asked from behind.
    _, first = np.unique((row * shape[1] + column)[::-1], return_index=True)
    kept = np.sort(len(row) - 1 - first)
    row, column = row[kept], column[kept]
    data = np.ones(len(row)) if values is None else np.asarray(values)[order][kept]
    starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=shape[0]))])
    return csr_array((data.astype(np.float32), column, starts), shape=shape)


def of_histories(histories: Sequence[Sequence[Any]], position: dict[Any, int]) -> csr_array:
    """Return histories of items' names, oldest first, as a matrix; names that are not known are passed over."""
    pairs = [(at, position[item]) for at, history in enumerate(histories) for item in history if item in position]
    row, column = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return matrix(row, column, (len(histories), len(position)))


def of_items(history: csr_array, items: int) -> csr_array:
    """Return histories of the first items alone, float32 [q, items]; of more than there are, with empty columns."""
    from scipy.sparse import csr_array

    there = history.indices < items
    starts = np.concatenate([[0], np.cumsum(there)])[history.indptr]
    return csr_array((history.data[there], history.indices[there], starts), shape=(history.shape[0], items))


def latest(history: csr_array, length: int) -> NDArray[np.int64]:
    """Return the latest items of each history, the newest first, int64 [q, length]; -1 where there are fewer."""
    ends, counts = history.indptr[1:, None], np.diff(history.indptr)[:, None]
    back = np.arange(length)[None]
    there = back < counts
    place = np.where(there, ends - 1 - back, 0)
    found = history.indices[place] if history.nnz else np.zeros(place.shape, dtype=np.int64)
    return np.where(there, found, -1)


def before(
    taken: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]],
    users: NDArray[np.int64],
    time: NDArray[Any],
    length: int,
) -> NDArray[np.int64]:
    """Return what users took strictly before a moment, the newest first, int64 [n, length]; -1 where there is less.

    Parameters
    ----------
    taken
        Users, items and times of all interactions, each [m].
    users, time
        Who is asked about and when, each [n].
    """
    owner, item, when = taken
    moments, ranks = np.unique(np.concatenate([when, time]), return_inverse=True)
    keys = owner * len(moments) + ranks[: len(when)]
    order = np.argsort(keys, kind="stable")
    keys, item = np.append(keys[order], np.iinfo(np.int64).max), np.append(item[order], -1)
    start, end = (np.searchsorted(keys, users * len(moments) + add) for add in (0, ranks[len(when) :]))
    place = end[:, None] - 1 - np.arange(length)
    return np.where(place >= start[:, None], item[place], -1)
