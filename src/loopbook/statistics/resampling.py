"""Bootstrap over groups: how often each row counts in each resample."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def weights(rows: int, groups: ArrayLike | None, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield, for each resample, how often each row was drawn: float [rows].

    Groups are drawn with replacement, whole, because rows of one group resemble each other. Without groups, rows are.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap; Davison & Hinkley (1997), section 3.8, for groups.
    """
    codes, count = _codes(rows, groups)
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        drawn = np.bincount(random.integers(0, count, count), minlength=count)
        yield drawn[codes].astype(np.float64)


def means(values: Floats, groups: ArrayLike | None, resamples: int, seed: int) -> Floats:
    """Return the resampled means of each column: float [resamples, k] for values [n, k].

    All columns are resampled together, so differences between columns of one resample are paired.
    """
    codes, count = _codes(len(values), groups)
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, codes, values)
    sizes = np.bincount(codes, minlength=count).astype(np.float64)
    random = np.random.default_rng(seed)
    result = np.empty((resamples, values.shape[1]))
    for at in range(resamples):
        drawn = np.bincount(random.integers(0, count, count), minlength=count).astype(np.float64)
        result[at] = drawn @ sums / (drawn @ sizes)
    return result


def _codes(rows: int, groups: ArrayLike | None) -> tuple[NDArray[np.intp], int]:
    if groups is None:
        return np.arange(rows), rows
    codes, names = pd.factorize(np.asarray(groups))
    return codes, len(names)
