"""Diversity of a batch: vectors of rows in which alike ones are near, and the greedy choice of unlike ones."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.features import Features

_OVERSAMPLE = 10  # of how many times as many of the most useful rows an unlike set is chosen
_WIDTH = 256  # places into which the words of a text are hashed

Floats = NDArray[np.float64]


def vectors(frame: pd.DataFrame, features: Features) -> Floats:
    """Return a vector for each row, of length 1, in which alike rows are near each other: float [n, d].

    Words are hashed and weighed by how rare they are among these rows; numbers and categories are taken as the model
    sees them.
    """
    if not len(frame):
        return np.zeros((0, 1))
    parts: list[Floats] = []
    if features.texts:
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

        hashed = HashingVectorizer(analyzer=lambda tokens: tokens, n_features=_WIDTH, norm=None)
        parts.append(
            _unit(TfidfTransformer().fit_transform(np.abs(hashed.transform(features.token_lists(frame)))).toarray())
        )
    if features.width:
        parts.append(_unit(features.table(frame).astype(np.float64)))
    return _unit(np.hstack(parts))


def greedy(
    useful: Floats, position: Floats, free: NDArray[np.bool_], count: int, known: Floats | None = None
) -> tuple[NDArray[np.int64], list[float]]:
    """Choose rows one after the other, each time the one with the largest product of usefulness and distance.

    The distance is to the nearest row chosen before: a hundred copies of one doubt are one question. Of rows that are
    all as useful this is the greedy k-center.

    Parameters
    ----------
    useful, position, free
        Of each row how useful its label is [n], its vector of length 1 [n, d], and whether it may be chosen [n].
    count
        How many.
    known
        Vectors of rows whose label is known already, from which distances count too [m, d].

    Returns
    -------
    tuple
        Places of the chosen rows in their order, and their distances; NaN for the first, where nothing is known.

    References
    ----------
    Zhdanov (2019), Diverse mini-batch active learning (choosing a diverse batch among the most informative); the
    greedy choice by distance is that of Sener & Savarese (2018), Active learning for convolutional neural networks.
    """
    rows = np.flatnonzero(free)
    if useful.max(initial=0.0) > useful.min(initial=1.0):
        rows = rows[np.argsort(-useful[rows], kind="stable")][: _OVERSAMPLE * count]
    chosen: list[int] = []
    distances: list[float] = []
    nearest = np.full(len(rows), np.inf)
    if known is not None and len(known):
        nearest = _apart(np.max(position[rows] @ known.T, axis=1))
    left = np.ones(len(rows), dtype=bool)
    for _ in range(min(count, len(rows))):
        reach = np.where(np.isinf(nearest), 1.0, nearest)
        # Copies of what is chosen come last, in the order of their usefulness.
        at = int(np.argmax(np.where(left, useful[rows] * (reach + 1e-6), -1.0)))
        left[at] = False
        chosen.append(int(rows[at]))
        distances.append(float(nearest[at]) if np.isfinite(nearest[at]) else np.nan)
        nearest = np.minimum(nearest, _apart(position[rows] @ position[rows[at]]))
    return np.array(chosen, dtype=np.int64), distances


def _apart(cosine: Floats) -> Floats:
    """Return the distance of vectors of length 1."""
    return np.asarray(np.sqrt(np.maximum(2 - 2 * cosine, 0.0)))


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0), dtype=np.float64)
