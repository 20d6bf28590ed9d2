"""Answers: what a model says of rows, whatever its form and the type of its task; what metrics and policies take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.models import heads
from loopbook.models.head import Head
from loopbook.models.number_head import Number
from loopbook.statistics import targets

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of n rows, from one pass through it.

    Attributes
    ----------
    probability
        Calibrated probability of each class, float64 [n, k].
    classes
        Names of the columns; without any, their numbers.
    also
        By further output: its classes, and their calibrated probabilities, float64 [n, k].
    value, distribution
        Of a number: what is predicted, float64 [n], and its distribution as quantiles of equal weight, float64 [n, q].
    """

    probability: Floats
    classes: tuple[str, ...] = ()
    also: Mapping[str, tuple[tuple[str, ...], Floats]] = field(default_factory=dict)
    value: Floats | None = None
    distribution: Floats | None = None

    @classmethod
    def of(cls, outputs: Sequence[Head], raw: Floats) -> Answers:
        """Return what raw scores, float64 [n, W], say by their heads: the label's first."""
        (head, z), *further = heads.parts(outputs, raw)
        also = {other.name: (other.classes, other.probabilities(own)) for other, own in further}
        number = (head.values(z), head.distribution(z)) if isinstance(head, Number) else ()
        return cls(head.probabilities(z), head.classes, also, *number)

    def __len__(self) -> int:
        return len(self.probability)

    def __getitem__(self, rows: Any) -> Answers:
        return replace(
            self,
            probability=self.probability[rows],
            also={name: (classes, p[rows]) for name, (classes, p) in self.also.items()},
            value=None if self.value is None else self.value[rows],
            distribution=None if self.distribution is None else self.distribution[rows],
        )

    def aligned(self, classes: Sequence[str]) -> Answers:
        """Return the answers with columns of these classes; one that the model does not know has the probability 0."""
        asked = tuple(classes)
        return replace(self, probability=targets.aligned(self.probability, self.classes, asked), classes=asked)

    @property
    def likeliest(self) -> NDArray[np.int64]:
        """The code of the most probable class, int64 [n]; of equally probable ones the last."""
        return np.asarray(self.probability.shape[1] - 1 - self.probability[:, ::-1].argmax(axis=1), dtype=np.int64)

    @property
    def shown(self) -> Floats:
        """The probability that is shown: of two classes that of yes, else that of the most probable, float64 [n]."""
        p = self.probability
        return p[:, 1] if p.shape[1] == 2 else p[np.arange(len(p)), self.likeliest]

    @property
    def label(self) -> NDArray[Any]:
        """The name of the most probable class, object [n]."""
        return _named(self.classes or tuple(map(str, range(self.probability.shape[1]))), self.likeliest)

    @property
    def judged(self) -> Floats:
        """What metrics judge: probabilities, float64 [n, k], or of a number its quantiles, [n, q]."""
        return self.probability if self.distribution is None else self.distribution

    @property
    def explained(self) -> Floats:
        """What explanations speak of: of a number its value, float64 [n], else the classes, [n, k]."""
        return self.probability if self.value is None else self.value

    def columns(self) -> pd.DataFrame:
        """Return what rules and the log know of the answers.

        Returns
        -------
        DataFrame
            `probability` (`shown`), `answer` (the most probable class); for each further output a column of its name
            with its most probable class, and ``<name>_probability``; for a number `value`.
        """
        found: dict[str, Any] = {"probability": self.shown, "answer": self.label}
        for name, (classes, p) in self.also.items():
            found |= {name: _named(classes, p.argmax(axis=1)), f"{name}_probability": p.max(axis=1)}
        return pd.DataFrame(found if self.value is None else {**found, "value": self.value})


def of(said: ArrayLike | Answers, classes: Sequence[str] = ()) -> Answers:
    """Return answers from plain probabilities: of all classes, [n, k], or of yes alone, [n]."""
    return said if isinstance(said, Answers) else Answers(targets.by_class(said), tuple(classes))


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

    def answer(self, frame: pd.DataFrame, *more: Any) -> Answers:
        """Return all that the model says of rows."""
        return Answers.of(self.outputs, self.raw(frame, *more))

    def probabilities(self, frame: pd.DataFrame, *more: Any) -> Floats:
        """Return the calibrated probability of each class for each row, float64 [n, k]."""
        return self.answer(frame, *more).probability


def _named(names: Sequence[str], at: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.array(names, dtype=object)[at])
