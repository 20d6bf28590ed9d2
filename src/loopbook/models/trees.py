"""Boosted trees on a table's columns, as plain arrays: kept without pickle, run without the library that grew them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from loopbook.scenario.errors import LoopbookError
from loopbook.store import content

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features

ARRAYS = "trees"
LEAF = -1
"""Stands in `below` and `above` where a node has no children."""


@dataclass(frozen=True)
class Trees:
    """The logit ``bias`` plus the value of the leaf that a row reaches in each tree.

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
        What a leaf adds to the logit, float32 [nodes]; 0 elsewhere.
    bias
        The logit before any tree.
    """

    roots: NDArray[np.int64]
    column: NDArray[np.int64]
    threshold: NDArray[np.float32]
    below: NDArray[np.int64]
    above: NDArray[np.int64]
    value: NDArray[np.float32]
    bias: float

    family: ClassVar[Literal["network", "plain"]] = "plain"

    @classmethod
    def of(cls, grown: list[Any], rate: float, bias: float) -> Trees:
        """Return the trees that scikit-learn has grown, each value times the learning rate.

        Parameters
        ----------
        grown
            The ``tree_`` of each regression tree, in order.
        """
        sizes = [tree.node_count for tree in grown]
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)

        def children(name: str) -> NDArray[np.int64]:
            moved = [
                np.where(getattr(tree, name) == LEAF, LEAF, getattr(tree, name) + root)
                for tree, root in zip(grown, roots, strict=True)
            ]
            return np.concatenate(moved).astype(np.int64)

        below = children("children_left")
        cut = np.concatenate([tree.threshold for tree in grown])
        # A float32 value is at most a float64 threshold exactly if it is at most the next float32 below that.
        near = cut.astype(np.float32)
        near = np.where(near.astype(np.float64) > cut, np.nextafter(near, np.float32(-np.inf)), near)
        value = rate * np.concatenate([tree.value[:, 0, 0] for tree in grown])
        return cls(
            roots,
            np.maximum(0, np.concatenate([tree.feature for tree in grown])).astype(np.int64),
            np.where(below == LEAF, 0, near).astype(np.float32),
            below,
            children("children_right"),
            np.where(below == LEAF, value, 0).astype(np.float32),
            bias,
        )

    @property
    def parameters(self) -> int:
        """Numbers that were learnt: a threshold a question, a value a leaf, and the bias."""
        return len(self.value) + 1

    @property
    def learnt(self) -> Mapping[str, NDArray[Any]]:
        """What was learnt, by name, for histograms."""
        return {"leaves": self.value[self.below == LEAF]}

    def logits(self, features: Features, frame: pd.DataFrame, *_: Any) -> NDArray[np.float64]:
        """Return the logit of each row, float64 [n]."""
        table = features.table(frame)
        rows = np.arange(len(table))[:, None]
        at = np.tile(self.roots, (len(table), 1))
        while (asking := self.below[at] != LEAF).any():
            goes_below = table[rows, self.column[at]] <= self.threshold[at]
            at = np.where(asking, np.where(goes_below, self.below[at], self.above[at]), at)
        return np.asarray(self.value[at].astype(np.float64).sum(axis=1) + self.bias)

    def save(self, folder: Path) -> None:
        """Write ``trees.npz`` into a folder."""
        names = ("roots", "column", "threshold", "below", "above", "value")
        content.save({**{name: getattr(self, name) for name in names}, "bias": np.array([self.bias])}, folder / ARRAYS)

    @classmethod
    def load(cls, folder: Path) -> Trees:
        """Return what `save` wrote.

        Raises
        ------
        LoopbookError
            If a node's children are not there.
        """
        arrays = content.load(folder / f"{ARRAYS}.npz")
        bias = float(arrays.pop("bias")[0])
        trees = cls(**arrays, bias=bias)
        most = max(trees.below.max(), trees.above.max(), trees.roots.max())
        if most >= len(trees.value) or len({len(arrays[name]) for name in arrays if name != "roots"}) != 1:
            raise LoopbookError(f"{folder}: the trees are not whole. Train the model again.")
        return trees
