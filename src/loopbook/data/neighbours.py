"""Near duplicates: pairs of texts whose sets of shingles overlap, found by MinHash and confirmed exactly.

References
----------
Broder (1997), On the resemblance and containment of documents: shingles, Jaccard resemblance and min-wise hashing.
Leskovec, Rajaraman & Ullman (2020), Mining of Massive Datasets, chapter 3: banding.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHINGLE = 5
"""Characters a shingle: long enough to be rare, short enough that one changed word touches few."""

_HASHES = 96
_BUCKET = 200  # larger buckets are compared with their leaders only, so that hostile data cannot ask for n² pairs
_PLAIN = re.compile(r"[\W_]+")
_PRIME_STEP = np.uint64(1_099_511_628_211)


@dataclass(frozen=True)
class _Shingles:
    """Distinct shingle hashes of all texts, one text after another; text i owns ``values[start[i]:start[i + 1]]``."""

    values: NDArray[np.uint64]
    start: NDArray[np.int64]

    def of(self, text: int) -> NDArray[np.uint64]:
        return self.values[self.start[text] : self.start[text + 1]]


def pairs(texts: Sequence[str], threshold: float) -> NDArray[np.int64]:
    """Return the pairs of texts with a Jaccard similarity of their shingles of at least `threshold`.

    Case, punctuation and spaces do not count. A similar pair is missed with a probability below 0.001; what is
    returned is confirmed exactly. In a bucket of more than 200 alike texts each is compared with the bucket's leaders
    (texts that are not near an earlier leader), not with all.

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
    found: set[tuple[int, int]] = set()
    tried: set[tuple[int, int]] = set()
    for band in range(_HASHES // width):
        keys = np.zeros(len(texts), dtype=np.uint64)
        for row in signatures[band * width : (band + 1) * width]:
            keys = (keys ^ row) * _PRIME_STEP
        order = np.argsort(keys, kind="stable")
        edges = np.flatnonzero(np.diff(keys[order])) + 1
        for bucket in np.split(order, edges):
            if len(bucket) > 1:
                _compare(bucket.tolist(), shingles, threshold, tried, found)
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)


def clusters(count: int, links: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each of `count` positions the smallest position that it is linked with, directly or by others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    linked = coo_array((np.ones(len(links), dtype=bool), (links[:, 0], links[:, 1])), shape=(count, count))
    component = connected_components(linked, directed=False)[1]
    _, first = np.unique(component, return_index=True)
    return np.asarray(first[component], dtype=np.int64)


def jaccard(one: str, other: str) -> float:
    """Return the exact Jaccard similarity of two texts' shingles, in [0, 1]."""
    shingles = _shingles([one, other])
    return _jaccard(shingles.of(0), shingles.of(1))


def _jaccard(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> float:
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)


def _compare(
    bucket: list[int],
    shingles: _Shingles,
    threshold: float,
    tried: set[tuple[int, int]],
    found: set[tuple[int, int]],
) -> None:
    leaders: list[int] = []
    for position in bucket:  # ascending, since the sort was stable
        near_leader = False
        for leader in leaders:
            pair = (leader, position)
            if pair not in tried:
                tried.add(pair)
                one, other = shingles.of(leader), shingles.of(position)
                long, short = max(len(one), len(other)), min(len(one), len(other))
                if short >= threshold * long and _jaccard(one, other) >= threshold:
                    found.add(pair)
            near_leader = near_leader or pair in found
        if len(bucket) <= _BUCKET or not near_leader:
            leaders.append(position)


def _rows_per_band(threshold: float) -> int:
    """Return the widest band with which a pair at the threshold is missed less than once in a thousand."""
    for width in range(8, 1, -1):
        if (1 - threshold**width) ** (_HASHES // width) < 1e-3:
            return width
    return 1


def _shingles(texts: Sequence[str]) -> _Shingles:
    """Hash every run of five characters; a text shorter than that is padded to one shingle."""
    plain = [_PLAIN.sub(" ", text.casefold()).strip().ljust(SHINGLE, "\0") for text in texts]
    codes = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    lengths = np.array([len(text) for text in plain], dtype=np.int64)
    hashes = np.zeros(len(codes) - SHINGLE + 1, dtype=np.uint64)
    for offset in range(SHINGLE):
        hashes = (hashes ^ codes[offset : len(codes) - SHINGLE + 1 + offset]) * _PRIME_STEP
    hashes = _mix(hashes)
    ends = np.cumsum(lengths)
    owner = np.repeat(np.arange(len(texts)), lengths)[: len(hashes)]
    inside = np.arange(len(hashes)) + SHINGLE <= ends[owner]  # a shingle must not run into the next text
    owner, hashes = owner[inside], hashes[inside]
    order = np.lexsort((hashes, owner))
    owner, hashes = owner[order], hashes[order]
    fresh = np.ones(len(hashes), dtype=bool)
    fresh[1:] = (owner[1:] != owner[:-1]) | (hashes[1:] != hashes[:-1])
    owner, hashes = owner[fresh], hashes[fresh]
    return _Shingles(hashes, np.searchsorted(owner, np.arange(len(texts) + 1)))


def _signatures(shingles: _Shingles) -> NDArray[np.uint64]:
    """Return MinHash signatures, uint64 [hashes, texts]."""
    seeds = _mix(np.arange(1, _HASHES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)
    result = np.empty((_HASHES, len(shingles.start) - 1), dtype=np.uint64)
    for index, seed in enumerate(seeds):
        values = shingles.values * seed
        values ^= values >> np.uint64(32)
        values *= seed
        result[index] = np.minimum.reduceat(values, shingles.start[:-1])
    return result


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread bits (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
