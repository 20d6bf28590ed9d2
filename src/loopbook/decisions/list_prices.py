"""Prices by which more items come into lists: what an item's standing there is worth beside its relevance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_PASSES = 40
_SETTLED = 0.7  # of the passes, after which the multiplier stays


def discount(places: int) -> NDArray[np.float64]:
    """Return what a place counts in NDCG, [places]: 1 for the first, less for each below."""
    return 1 / np.log2(np.arange(2, places + 2))


def prices(
    worth: Floats, places: int, lists: int, budget: float, progress: Callable[[str], object] | None = None
) -> NDArray[np.float64]:
    r"""Return the shadow price of each item's exposure, float64 [I]: the most coverage within a budget of NDCG.

    An item that stands in :math:`e_i` of n lists in the mean is in at least one of them with a probability of about
    :math:`1 - \exp(-e_i)`. The sum of that over the items is made large, as long as the lists keep the share 1 - budget
    of the DCG that they have by worth alone. The Lagrangian of it puts into place k of a list the item with the highest
    :math:`w_i / \log_2(k + 1) + \mu \exp(-e_i)`: one price an item, the same for every user, so that a list depends on
    no other that was made before it. Exposures are found by the Frank-Wolfe algorithm, the multiplier :math:`\mu` with
    them; of all passes within the budget that of most coverage is kept.

    Parameters
    ----------
    worth
        Of items for some users, [q, I], at most 1 for each; -inf where an item is not allowed.
    places
        Of a list.
    lists
        Among how many an item should stand at least once: n.
    budget
        Share of DCG, as `worth` expects it, that may be given up.

    References
    ----------
    Frank & Wolfe (1956), An algorithm for quadratic programming; Abdollahpouri, Burke & Mobasher (2019), Managing
    popularity bias in recommender systems with personalized re-ranking (xQuAD), for a price of what is shown often;
    Järvelin & Kekäläinen (2002) for the discount.
    """
    count, each = worth.shape[1], worth.astype(np.float32)
    weight, scale = discount(places).astype(np.float32), lists / len(worth)
    best, exposed = _filled(each, np.zeros(count, np.float32), weight)
    found, most, mean, multiplier = np.zeros(count), np.exp(-scale * exposed).sum(), scale * exposed, 0.2
    for number in range(_PASSES):
        price = multiplier * np.exp(-mean)
        kept, exposed = _filled(each, price.astype(np.float32), weight)
        lost, missed = max(1 - kept / best, 1e-6), np.exp(-scale * exposed).sum()
        if lost <= budget and missed < most:
            found, most = price, missed
        mean += (scale * exposed - mean) * 2 / (number + 3)
        if number < _SETTLED * _PASSES:
            multiplier *= float(np.clip(np.sqrt(budget / lost), 0.7, 1.4))
        if progress:
            progress(f"prices of items: pass {number + 1} of {_PASSES}")
    return np.where(np.isfinite(worth).any(axis=0), found, 0)  # what nobody may have was never priced


def _filled(worth: NDArray[np.float32], price: NDArray[np.float32], weight: Floats) -> tuple[float, NDArray[np.int64]]:
    """Return the DCG of all lists, and in how many each item stands, [I]."""
    left, rows, total = worth.copy(), np.arange(len(worth)), 0.0
    exposed = np.zeros(worth.shape[1], dtype=np.int64)
    for at in weight:
        chosen = np.argmax(left * at + price, axis=1)
        own = left[rows, chosen]
        there = np.isfinite(own)
        total += float(at * own[there].sum())
        exposed += np.bincount(chosen[there], minlength=len(exposed))
        left[rows, chosen] = -np.inf
    return total, exposed
