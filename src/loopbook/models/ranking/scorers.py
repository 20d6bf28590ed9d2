"""Scorers: popularity, item-kNN, EASE and ALS, fitted to interactions; each scores all items for given histories.

A scorer is asked with histories [q, I] (`interactions`) and answers float32 [q, I], higher for what is more likely
taken next; nothing of the users it was fitted to is kept, so that one it has never met is asked in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Scores = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

EASE_LIMIT = 25_000
"""Items from where on EASE is left out: its inverse takes 4 bytes by items² (2.5 GB) and time by items³."""
_BLOCK = 1_000  # items of which similarities to all others are in memory at a time


class Scorer(Protocol):
    """What scores all items for histories."""

    def scores(self, history: csr_array) -> Scores:
        """Return a score of each item for each history [q, I], float32 [q, I]."""

    @property
    def width(self) -> int:
        """Items that it scores."""

    @property
    def arrays(self) -> Arrays:
        """What was learnt, by name, to be saved."""


@dataclass(frozen=True)
class Popularity:
    """The same score for everybody.

    Attributes
    ----------
    score
        float32 [I].
    """

    score: Scores

    def scores(self, history: csr_array) -> Scores:
        return np.broadcast_to(self.score, (history.shape[0], len(self.score)))

    @property
    def width(self) -> int:
        return len(self.score)

    @property
    def arrays(self) -> Arrays:
        return {"score": self.score}


@dataclass(frozen=True)
class ItemItem:
    """The sum of what each item of the history says of the others: history · weights.

    Attributes
    ----------
    weights
        [I, I], dense or sparse.
    """

    weights: Any

    def scores(self, history: csr_array) -> Scores:
        found = history @ self.weights
        return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float32)

    def nearest(self, most: int) -> csr_array:
        """Return of each item the weights of the others of which it says most, sparse [I, I], none below 0."""
        from scipy.sparse import csr_array, vstack

        blocks = []
        for start in range(0, self.width, _BLOCK):
            own = self.weights[start : start + _BLOCK]
            if isinstance(own, np.ndarray):
                least = np.partition(own, -min(most, self.width), axis=1)[:, -min(most, self.width), None]
                own = np.where(own >= least, own, 0)
            found = csr_array(own).tocoo()
            order = np.lexsort((-found.data, found.row))
            row, data = found.row[order], found.data[order]
            kept = (np.arange(len(row)) - np.searchsorted(row, row) < most) & (data > 0)
            blocks.append(csr_array((data[kept], (row[kept], found.col[order][kept])), shape=own.shape))
        return csr_array(vstack(blocks))

    @property
    def width(self) -> int:
        return int(self.weights.shape[0])

    @property
    def arrays(self) -> Arrays:
        if isinstance(self.weights, np.ndarray):
            return {"dense": self.weights}
        parts = {name: getattr(self.weights, name) for name in ("data", "indices", "indptr")}
        return {**parts, "shape": np.array(self.weights.shape)}


@dataclass(frozen=True)
class Factors:
    """A product of factors, of which the user's are folded in: the ridge regression on the items of the history.

    Attributes
    ----------
    items
        Factors of the items, float32 [I, d].
    regularisation, alpha
        As of `als`.
    """

    items: Scores
    regularisation: float
    alpha: float

    def scores(self, history: csr_array) -> Scores:
        return self.users(history) @ self.items.T

    def users(self, history: csr_array) -> Scores:
        """Return the factors of users by their histories, float32 [q, d]: one half-step of ALS."""
        width = self.items.shape[1]
        found = np.zeros((history.shape[0], width), dtype=np.float32)
        for row in range(history.shape[0]):
            own = self.items[history.indices[history.indptr[row] : history.indptr[row + 1]]]
            if len(own):
                sure = self._gram + (self.alpha - 1) * (own.T @ own)
                found[row] = np.linalg.solve(sure, self.alpha * own.sum(axis=0))
        return found

    @property
    def width(self) -> int:
        return len(self.items)

    @cached_property
    def _gram(self) -> Scores:
        """The items' products and the penalty, [d, d]: the same for all users."""
        width = self.items.shape[1]
        return self.items.T @ self.items + np.float32(self.regularisation) * np.eye(width, dtype=np.float32)

    @property
    def arrays(self) -> Arrays:
        return {"items": self.items, "ridge": np.array([self.regularisation, self.alpha], dtype=np.float32)}


def popularity(history: csr_array, age: ArrayLike | None = None, halflife: float = 30.0) -> Popularity:
    """Most popular: the logarithm of one more than how many users took an item.

    Parameters
    ----------
    history
        Interactions, [q, I].
    age
        Days since each interaction, in the order of ``history.data``; None: all count alike. Else each counts
        by half for every `halflife` of days, which makes what is popular now.
    """
    weight = np.ones(history.nnz) if age is None else 0.5 ** (np.asarray(age, dtype=np.float64) / halflife)
    return Popularity(np.log1p(np.bincount(history.indices, weight, history.shape[1])).astype(np.float32))


def rate(items: ArrayLike, taken: ArrayLike, count: int, weight: ArrayLike, prior: float = 20.0) -> Popularity:
    """Share of times shown that an item was taken, as a logit above the mean: without the favour of being shown often.

    Parameters
    ----------
    items, taken, weight
        What was shown, whether it was taken and how much that counts, such as by how often its place is looked at, [n].
    prior
        Times shown at the mean rate that each item begins with.
    """
    every, took, counts = np.asarray(items), np.asarray(taken) > 0, np.asarray(weight, dtype=np.float64)
    mean = np.clip((counts * took).sum() / counts.sum(), 1e-6, 1 - 1e-6)
    shown = np.bincount(every, counts, count) + prior
    share = np.clip((np.bincount(every, counts * took, count) + prior * mean) / shown, 1e-6, 1 - 1e-6)
    return Popularity(np.log(share / (1 - share) * (1 - mean) / mean).astype(np.float32))


def item_knn(history: csr_array, neighbours: int = 100, shrinkage: float = 10.0) -> ItemItem:
    r"""Item-kNN: the cosine of two items' users, of the nearest items alone.

    :math:`s_{ij} = n_{ij} / (\sqrt{n_i n_j} + \lambda)`, with :math:`n_{ij}` the users who took both.

    Parameters
    ----------
    neighbours
        Nearest items of each that are kept.
    shrinkage
        λ: the larger, the less is believed of pairs that few users took.

    References
    ----------
    Sarwar et al. (2001), Item-based collaborative filtering recommendation algorithms; Ferrari Dacrema et al. (2019),
    Are we really making much progress?, for the shrinkage.
    """
    from scipy.sparse import csc_array, csr_array, hstack

    size, columns = np.sqrt(np.bincount(history.indices, minlength=history.shape[1])), csc_array(history)
    by_item, blocks = csr_array(history.T), []
    for start in range(0, history.shape[1], _BLOCK):
        together = csc_array(by_item @ columns[:, start : start + _BLOCK])
        other = np.repeat(np.arange(together.shape[1]) + start, np.diff(together.indptr))
        near = together.data / (size[together.indices] * size[other] + shrinkage)
        near[together.indices == other] = 0
        # The nearest of each column: by column, then by similarity.
        order = np.lexsort((-near, other))
        place = np.arange(len(order)) - np.repeat(together.indptr[:-1], np.diff(together.indptr))
        kept = order[(place < neighbours) & (near[order] > 0)]
        cells = (together.indices[kept], other[kept] - start)
        blocks.append(csc_array((near[kept].astype(np.float32), cells), shape=together.shape))
    return ItemItem(csr_array(hstack(blocks)))


def ease(history: csr_array, regularisation: float = 100.0) -> ItemItem:
    r"""EASE: the linear item-item model with a zero diagonal that minimises the squared error, in closed form.

    :math:`P = (X^\top X + \lambda I)^{-1}`, :math:`B_{ij} = -P_{ij} / P_{jj}`, :math:`B_{jj} = 0`. By Cholesky in
    place: in memory stands one matrix, 4 bytes by items².

    Raises
    ------
    DataError
        If there are more than `EASE_LIMIT` items.

    References
    ----------
    Steck (2019), Embarrassingly shallow autoencoders for sparse data.
    """
    from scipy.linalg import lapack

    items = history.shape[1]
    if items > EASE_LIMIT:
        raise DataError(
            f"EASE is left out of {items:,} items: its inverse grows with the cube of them, and {EASE_LIMIT:,} are its "
            "limit. Take als or item_knn instead."
        )
    gram = np.zeros((items, items), dtype=np.float32)
    pairs, by_item = history, history.T.tocsr()
    for start in range(0, items, _BLOCK):
        gram[start : start + _BLOCK] = (by_item[start : start + _BLOCK] @ pairs).toarray()
    gram[np.diag_indices(items)] += regularisation
    # The transpose of a C-ordered array is what LAPACK takes as it is; of a symmetric matrix it is the same one.
    factor, failed = lapack.spotrf(gram.T, lower=False, clean=False, overwrite_a=True)
    inverse, singular = lapack.spotri(factor, lower=False, overwrite_c=True)
    if failed or singular:
        raise DataError(f"EASE: the items' matrix is not positive definite; raise regularisation ({regularisation:g}).")
    weights = inverse.T  # C order again; its lower triangle is the inverse's
    for start in range(0, items, _BLOCK):
        end = min(start + _BLOCK, items)
        weights[start:end, end:] = weights[end:, start:end].T
        square = weights[start:end, start:end]
        square[...] = np.tril(square) + np.tril(square, -1).T
    weights /= -np.diag(weights).copy()
    weights[np.diag_indices(items)] = 0
    return ItemItem(weights)


def als(
    history: csr_array,
    factors: int = 32,
    regularisation: float = 5.0,
    alpha: float = 2.0,
    passes: int = 15,
    seed: int = 0,
    progress: Callable[[str], object] | None = None,
) -> Factors:
    """ALS: factors of users and items by alternating least squares on confidences, of the library implicit.

    Parameters
    ----------
    alpha
        Confidence in what was taken; in what was not it is 1.

    References
    ----------
    Hu, Koren & Volinsky (2008), Collaborative filtering for implicit feedback datasets.
    """
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # its threads and those of BLAS get in each other's way: ten times slower
        model = AlternatingLeastSquares(
            factors=factors, regularization=regularisation, alpha=alpha, iterations=passes, random_state=seed
        )
        model.fit(
            csr_matrix(history, copy=True),
            show_progress=False,
            callback=lambda done, *_: progress(f"ALS: pass {done + 1} of {passes}") if progress else None,
        )
    return Factors(model.item_factors.astype(np.float32), regularisation, alpha)


def restored(arrays: Mapping[str, NDArray[Any]]) -> Scorer:
    """Return the scorer whose arrays these are."""
    if "score" in arrays:
        return Popularity(arrays["score"])
    if "items" in arrays:
        return Factors(arrays["items"], *map(float, arrays["ridge"]))
    if "dense" in arrays:
        return ItemItem(arrays["dense"])
    from scipy.sparse import csr_array

    return ItemItem(csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=tuple(arrays["shape"])))
