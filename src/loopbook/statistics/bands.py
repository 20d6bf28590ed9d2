"""Bands of a numeric attribute (discretisation by equal width), so that groups are wide enough to be compared."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

_FEW_LEVELS = 12  # up to so many different numbers each is a group of its own: they may be codes
_BANDS = 6
_STEPS = (1, 2, 5, 10, 20, 25, 50)


def groups(values: "pd.Series[str]", among: Iterable[object]) -> "pd.Series[str]":
    """Return the group of each value: the value itself, or where numbers are many the band that it is in.

    Parameters
    ----------
    values
        To be grouped.
    among
        Values that fix the bands, which are round and about six between their 5th and 95th percentile: those of all
        rows, so that a value is in one band wherever it is looked at.

    Returns
    -------
    Series
        Such as ``20 to 29``, ``under 20``, ``70 and over``; what is no number stays as it is.
    """
    numbers, written = (pd.to_numeric(pd.Series(part), errors="coerce") for part in (list(among), values.tolist()))
    known = numbers.dropna().to_numpy(dtype=np.float64)
    if len(known) < 0.9 * len(numbers) or len(np.unique(known)) <= _FEW_LEVELS:
        return values
    low, high = np.quantile(known, [0.05, 0.95])
    if low == high:
        return values
    scale = 10.0 ** np.floor(np.log10((high - low) / _BANDS))
    width = next(step * scale for step in _STEPS if step * scale >= (high - low) / _BANDS)
    whole = bool((known == np.round(known)).all())
    width = max(1.0, width) if whole else width
    edges = np.arange(np.ceil(low / width), np.floor(high / width) + 1) * width
    ends = [f"{edge + width - 1:g}" if whole else f"under {edge + width:g}" for edge in edges[:-1]]
    inner = [f"{edge:g} to {end}" for edge, end in zip(edges, ends, strict=False)]
    names = [f"under {edges[0]:g}", *inner, f"{edges[-1]:g} and over"]
    place = np.searchsorted(edges, written.to_numpy(dtype=np.float64), side="right")
    banded = [
        other if np.isnan(number) else names[at]
        for other, number, at in zip(values.tolist(), written.tolist(), place.tolist(), strict=True)
    ]
    return pd.Series(banded, index=values.index, dtype=object)
