"""Towers: an item by what it says and who took it, a user by the sequence of what they took; the form that is asked.

Networks of two towers are trained by `tower_training` in Keras; what they learnt is kept as plain arrays, so that a
service needs no Keras, and an item that nobody took yet is scored by its content alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from loopbook.models.ranking.interactions import latest
from loopbook.models.ranking.scorers import Arrays, Scores

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Towers:
    """Score: the product of a user's and an item's vector, and the item's bias, which is the last of its numbers.

    Attributes
    ----------
    items
        Vectors of the items, float32 [I, d + 1].
    projection, offset
        Make the vector of an item from its content: float32 [c, d + 1] and [d + 1].
    recency, query
        What a place in the history, newest first, and an item's vector add to its attention: [length] and [d].
    turn, constant
        Make the user's vector from the mean by attention: [d, d] and [d].
    losses
        Mean loss of each pass over train, [passes]; not kept.
    """

    items: Scores
    projection: Scores
    offset: Scores
    recency: Scores
    query: Scores
    turn: Scores
    constant: Scores
    losses: Scores = field(default_factory=lambda: np.zeros(0, dtype=np.float32))

    @classmethod
    def content(cls, content: Scores, length: int = 20) -> Self:
        """Return the content-based scorer: how near an item's content is to the mean of the latest items'.

        Parameters
        ----------
        content
            Of each item, float32 [I, c]; the mean over items is taken away, and nothing is learnt.

        References
        ----------
        Lops, de Gemmis & Semeraro (2011), Content-based recommender systems.
        """
        width = content.shape[1]
        projection, offset = np.eye(width, width + 1, dtype=np.float32), np.append(-content.mean(axis=0), 0)
        zeros, turn = np.zeros(width, dtype=np.float32), np.eye(width, dtype=np.float32)
        items = content @ projection + offset.astype(np.float32)
        return cls(items, projection, offset.astype(np.float32), np.zeros(length, dtype=np.float32), zeros, turn, zeros)

    def with_items(self, content: Scores) -> Self:
        """Return it with further items, known by their content [n, c] alone."""
        return replace(self, items=np.vstack([self.items, content @ self.projection + self.offset]))

    def scores(self, history: csr_array) -> Scores:
        return np.asarray(self.users(history) @ self.items[:, :-1].T + self.items[:, -1], dtype=np.float32)

    def users(self, history: csr_array) -> Scores:
        """Return the vectors of users by their histories, float32 [q, d]."""
        took = latest(history, len(self.recency))
        each = self.items[took, :-1]
        attention = np.where(took >= 0, np.exp(np.clip(self.recency + each @ self.query, -30, 30)), 0)
        attention /= np.maximum(attention.sum(axis=1, keepdims=True), 1e-9)
        return np.asarray(np.einsum("ql,qld->qd", attention, each) @ self.turn + self.constant, dtype=np.float32)

    @property
    def width(self) -> int:
        """Items that it scores."""
        return len(self.items)

    @property
    def arrays(self) -> Arrays:
        """What was learnt, by name."""
        return {name: value for name, value in vars(self).items() if name != "losses"}
