"""Boosted trees on a table's columns, as plain arrays: kept without pickle, run without the library that grew them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import LoopbookError
from loopbook.store import content

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.architecture import Family

ARRAYS = "trees"
_NODES = ("column", "threshold", "below", "above", "value")
LEAF = -1
"""Stands in `below` and `above` where a node has no children."""


@dataclass(frozen=True)
class Trees:
    """Raw scores: for each, its bias plus the value of the leaf that a row reaches in each of its trees.

    The nodes of all trees lie one after another, each tree's root first.

    Attributes
    ----------
    roots
        Position of each tree's root, int64 [trees].
    column
        Column of the table that a node asks about, int64 [nodes].
    threshold
        A row goes to `below` if its value is at most this, else to `above`; float32 [nodes].
    below, above
        Positions of the children, int64 [nodes]; `LEAF` at a leaf.
    value
        What a leaf adds to its tree's score, float32 [nodes]; 0 elsewhere.
    score
        To which score each tree adds, int64 [trees].
    bias
        The scores before any tree, float64 [W].
    """

    roots: NDArray[np.int64]
    column: NDArray[np.int64]
    threshold: NDArray[np.float32]
    below: NDArray[np.int64]
    above: NDArray[np.int64]
    value: NDArray[np.float32]
    score: NDArray[np.int64]
    bias: NDArray[np.float64]

    family: ClassVar[Family] = "plain"

    @classmethod
    def of(cls, grown: Sequence[Sequence[Any]], rate: float, bias: ArrayLike) -> Trees:
        """Return the trees that scikit-learn has grown, each value times the learning rate.

        Parameters
        ----------
        grown
            For each score the ``tree_`` of each of its regression trees, in order.
        bias
            [W].
        """
        score = np.repeat(np.arange(len(grown)), [len(trees) for trees in grown])
        every = [tree for trees in grown for tree in trees]
        sizes = [tree.node_count for tree in every]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)

        def children(name: str) -> NDArray[np.int64]:
            moved = [
                np.where(getattr(tree, name) == LEAF, LEAF, getattr(tree, name) + root)
                for tree, root in zip(every, roots, strict=True)
            ]
            return np.concatenate(moved).astype(np.int64)

        below = children("children_left")
        cut = np.concatenate([tree.threshold for tree in every])
        # A float32 value is at most a float64 threshold exactly if it is at most the next float32 below that.
        near = cut.astype(np.float32)
        near = np.where(near.astype(np.float64) > cut, np.nextafter(near, np.float32(-np.inf)), near)
        value = rate * np.concatenate([tree.value[:, 0, 0] for tree in every])
        return cls(
            roots,
            np.maximum(0, np.concatenate([tree.feature for tree in every])).astype(np.int64),
            np.where(below == LEAF, 0, near).astype(np.float32),
            below,
            children("children_right"),
            np.where(below == LEAF, value, 0).astype(np.float32),
            score.astype(np.int64),
            np.atleast_1d(np.asarray(bias, dtype=np.float64)),
        )

    @property
    def parameters(self) -> int:
        """Numbers that were learnt: a threshold a question, a value a leaf, and the biases."""
        return len(self.value) + len(self.bias)

    @property
    def learnt(self) -> Mapping[str, NDArray[Any]]:
        """What was learnt, by name, for histograms."""
        return {"leaves": self.value[self.below == LEAF]}

    def raw(self, features: Features, frame: pd.DataFrame, *_: Any) -> NDArray[np.float64]:
        """Return the raw scores of each row, float64 [n, W]."""
        table = features.table(frame)
        rows = np.arange(len(table))[:, None]
        at = np.tile(self.roots, (len(table), 1))
        while (asking := self.below[at] != LEAF).any():
            goes_below = table[rows, self.column[at]] <= self.threshold[at]
            at = np.where(asking, np.where(goes_below, self.below[at], self.above[at]), at)
        leaf = self.value[at].astype(np.float64)
        each = [leaf[:, self.score == score].sum(axis=1) for score in range(len(self.bias))]
        return np.stack(each, axis=1) + self.bias

    def save(self, folder: Path) -> None:
        """Write ``trees.npz`` into a folder."""
        content.save({name: getattr(self, name) for name in (*_NODES, "roots", "score", "bias")}, folder / ARRAYS)

    @classmethod
    def load(cls, folder: Path) -> Trees:
        """Return what `save` wrote.

        Raises
        ------
        LoopbookError
            If a node's children are not there.
        """
        trees = cls(**content.load(folder / f"{ARRAYS}.npz"))
        most = max(trees.below.max(), trees.above.max(), trees.roots.max())
        nodes, kinds = {len(getattr(trees, name)) for name in _NODES}, trees.score.max() < len(trees.bias)
        if most >= len(trees.value) or len(nodes) != 1 or len(trees.score) != len(trees.roots) or not kinds:
            raise LoopbookError(f"{folder}: the trees are not whole. Train the model again.")
        return trees
