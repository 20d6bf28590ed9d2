"""Answers: what a fitted model says of rows, whatever its form and the type of its task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from loopbook.models import heads
from loopbook.models.heads import Head, Number
from loopbook.scenario.errors import LoopbookError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Further = Mapping[str, tuple[tuple[str, ...], Floats]]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says of some rows, from one pass through it.

    Attributes
    ----------
    outputs
        The heads.
    raw
        Raw scores, float64 [n, W].
    """

    outputs: tuple[Head, ...]
    raw: Floats

    @cached_property
    def probabilities(self) -> Floats:
        """Calibrated probability of each class, float64 [n, k]."""
        head, z = self._first
        return head.probabilities(z)

    @property
    def also(self) -> Further:
        """By the name of each further output its classes and their calibrated probabilities, float64 [n, k]."""
        _, *further = heads.parts(self.outputs, self.raw)
        return {head.name: (head.classes, head.probabilities(z)) for head, z in further}

    @property
    def values(self) -> Floats:
        """Of a number what is predicted, float64 [n]."""
        head, z = self._number
        return head.values(z)

    @property
    def distribution(self) -> Floats:
        """Of a number the quantiles 0.01 to 0.99 of each row's predictive distribution, float64 [n, 99]."""
        head, z = self._number
        return head.distribution(z)

    @property
    def judged(self) -> Floats:
        """What metrics judge: the probabilities, of a number the distribution; float64 [n, …]."""
        head, z = self._first
        return head.judged(z)

    @property
    def _first(self) -> tuple[Head, Floats]:
        return next(heads.parts(self.outputs, self.raw))

    @property
    def _number(self) -> tuple[Number, Floats]:
        head, z = self._first
        if not isinstance(head, Number):
            raise LoopbookError("Only a model of a number predicts values; this one chooses among classes.")
        return head, z


class Answering:
    """A model that answers: rows in, answers out. A subclass gives `outputs`, its heads, and `raw`, their scores."""

    outputs: tuple[Head, ...]

    def raw(self, frame: pd.DataFrame, *more: Any) -> Floats:
        """Return the raw scores of each row, float64 [n, W]; `more` are cache and progress, as of `Model.raw`."""
        raise NotImplementedError

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the columns of `probabilities`."""
        return self.outputs[0].classes

    def answer(self, frame: pd.DataFrame, *more: Any) -> Answer:
        """Return all that the model says of rows, from one pass; each method below is one part of it."""
        return Answer(self.outputs, self.raw(frame, *more))

    def probabilities(self, frame: pd.DataFrame, *more: Any) -> Floats:
        """Return the calibrated probability of each class for each row, float64 [n, k]."""
        return self.answer(frame, *more).probabilities

    def also(self, frame: pd.DataFrame, *more: Any) -> Further:
        """Return by the name of each further output its classes and their calibrated probabilities, float64 [n, k]."""
        return self.answer(frame, *more).also

    def values(self, frame: pd.DataFrame, *more: Any) -> Floats:
        """Return the number that is predicted for each row, float64 [n]; only where the task is a number."""
        return self.answer(frame, *more).values

    def distribution(self, frame: pd.DataFrame, *more: Any) -> Floats:
        """Return the quantiles 0.01 to 0.99 of each row's number, float64 [n, 99]; only where the task is a number."""
        return self.answer(frame, *more).distribution
