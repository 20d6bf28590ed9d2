"""Near duplicates: pairs of texts whose sets of shingles overlap, found by MinHash and confirmed exactly.

References
----------
Broder (1997), On the resemblance and containment of documents: shingles, Jaccard resemblance and min-wise hashing.
Leskovec, Rajaraman & Ullman (2020), Mining of Massive Datasets, chapter 3: banding.
"""

import itertools
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SHINGLE = 5
"""Characters a shingle: long enough to be rare, short enough that one changed word touches few."""

_HASHES = 96
_BUCKET = 200  # larger buckets are compared with their leaders only, so that hostile data cannot ask for n² pairs
_PLAIN = re.compile(r"(?:(?![\u2600-\u27bf\U0001f000-\U0001faff])[\W_])+")  # all but letters, digits and emoji
_PRIME_STEP = np.uint64(1_099_511_628_211)


Shingles = list[NDArray[np.uint64]]
"""Distinct hashes of each text's shingles, ascending."""


def pairs(texts: Sequence[str], threshold: float) -> NDArray[np.int64]:
    """Return the pairs of texts with a Jaccard similarity of their shingles of at least `threshold`.

    Case, punctuation and spaces do not count; emoji do. A similar pair is missed with a probability below 0.001; what
    is returned is confirmed exactly. In a bucket of more than 200 alike texts each is compared with the bucket's
    leaders (texts that are not near an earlier leader), not with all.

    Parameters
    ----------
    texts
        n texts.
    threshold
        In [0.5, 1].

    Returns
    -------
    int64 [pairs, 2]
        Positions i < j, in order, each pair once.
    """
    if len(texts) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    shingles = _shingles(texts)
    width = _rows_per_band(threshold)
    signatures = _signatures(shingles)
    known: dict[tuple[int, int], bool] = {}
    for band in range(_HASHES // width):
        keys = np.zeros(len(texts), dtype=np.uint64)
        for row in signatures[band * width : (band + 1) * width]:
            keys = (keys ^ row) * _PRIME_STEP
        order = np.argsort(keys, kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
            _compare(bucket.tolist(), shingles, threshold, known)
    return np.array(sorted(pair for pair, near in known.items() if near), dtype=np.int64).reshape(-1, 2)


def clusters(count: int, links: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each of `count` positions the smallest position that it is linked with, directly or by others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    linked = coo_array((np.ones(len(links), dtype=bool), (links[:, 0], links[:, 1])), shape=(count, count))
    component = connected_components(linked, directed=False)[1]
    _, first = np.unique(component, return_index=True)
    return np.asarray(first[component], dtype=np.int64)


def _compare(bucket: list[int], shingles: Shingles, threshold: float, known: dict[tuple[int, int], bool]) -> None:
    """Note in `known` which pairs of a bucket are near; its positions ascend."""
    leaders: list[int] = []
    for position in bucket:
        own = [(leader, position) for leader in leaders]
        for pair in own:
            if pair not in known:
                known[pair] = _near(shingles[pair[0]], shingles[position], threshold)
        if len(bucket) <= _BUCKET or not any(known[pair] for pair in own):
            leaders.append(position)


def _near(one: NDArray[np.uint64], other: NDArray[np.uint64], threshold: float) -> bool:
    """Say whether the exact Jaccard similarity of two texts' shingles reaches the threshold."""
    if min(len(one), len(other)) < threshold * max(len(one), len(other)):
        return False
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common) >= threshold


def _rows_per_band(threshold: float) -> int:
    """Return the widest band with which a pair at the threshold is missed less than once in a thousand."""
    return next((width for width in range(8, 1, -1) if (1 - threshold**width) ** (_HASHES // width) < 1e-3), 1)


def _shingles(texts: Sequence[str]) -> Shingles:
    """Hash every run of five characters; a text shorter than that is padded to one shingle."""
    plain = [_PLAIN.sub(" ", text.casefold()).strip().ljust(SHINGLE, "\0") for text in texts]
    codes = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    count = len(codes) - SHINGLE + 1
    hashes = np.zeros(count, dtype=np.uint64)
    for offset in range(SHINGLE):
        hashes = (hashes ^ codes[offset : count + offset]) * _PRIME_STEP
    hashes = _mix(hashes)
    ends = itertools.accumulate(map(len, plain))
    # A shingle must not run into the next text.
    return [np.unique(hashes[end - len(text) : end - SHINGLE + 1]) for text, end in zip(plain, ends, strict=True)]


def _signatures(shingles: Shingles) -> NDArray[np.uint64]:
    """Return MinHash signatures, uint64 [hashes, texts]."""
    seeds = _mix(np.arange(1, _HASHES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)
    result = np.empty((_HASHES, len(shingles)), dtype=np.uint64)
    together = np.concatenate(shingles)
    begins = np.cumsum([0, *map(len, shingles[:-1])])
    for index, seed in enumerate(seeds):
        values = together * seed
        values ^= values >> np.uint64(32)
        values *= seed
        result[index] = np.minimum.reduceat(values, begins)
    return result


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread bits (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
