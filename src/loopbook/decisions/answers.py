"""Answers: what a model says of rows, in the one form that policies, rules and the log take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.models.answers import Answer
from loopbook.statistics.targets import aligned, by_class

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of n rows.

    Attributes
    ----------
    probability
        float64 [n, k], a column a class.
    classes
        Names of the columns; without any, their numbers.
    also
        By further output: its classes, and their probabilities, float64 [n, k].
    value, distribution
        Of a number: what is predicted, float64 [n], and its distribution as quantiles of equal weight, float64 [n, q].
    """

    probability: Floats
    classes: tuple[str, ...] = ()
    also: Mapping[str, tuple[tuple[str, ...], Floats]] = field(default_factory=dict)
    value: Floats | None = None
    distribution: Floats | None = None

    def __len__(self) -> int:
        return len(self.probability)

    def __getitem__(self, rows: Any) -> "Answers":
        return replace(
            self,
            probability=self.probability[rows],
            also={name: (classes, p[rows]) for name, (classes, p) in self.also.items()},
            value=None if self.value is None else self.value[rows],
            distribution=None if self.distribution is None else self.distribution[rows],
        )

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
        names = self.classes or tuple(map(str, range(self.probability.shape[1])))
        found: dict[str, Any] = {"probability": self.shown, "answer": _named(names, self.likeliest)}
        for name, (classes, p) in self.also.items():
            found |= {name: _named(classes, p.argmax(axis=1)), f"{name}_probability": p.max(axis=1)}
        return pd.DataFrame(found if self.value is None else {**found, "value": self.value})


def of(said: "ArrayLike | Answers", classes: Sequence[str] = ()) -> Answers:
    """Return answers from plain probabilities: of all classes, [n, k], or of yes alone, [n]."""
    return said if isinstance(said, Answers) else Answers(by_class(said), tuple(classes))


def heard(answer: Answer, classes: Sequence[str]) -> Answers:
    """Return all that a model has answered.

    Parameters
    ----------
    classes
        Of the columns that are wanted; one that the model does not know has the probability 0.
    """
    head = answer.outputs[0]
    return Answers(
        aligned(answer.probabilities, head.classes, tuple(classes)),
        tuple(classes),
        answer.also,
        answer.values if head.numeric else None,
        answer.distribution if head.numeric else None,
    )


def _named(names: Sequence[str], at: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.array(names, dtype=object)[at])
