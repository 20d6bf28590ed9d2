"""Heads: what the raw scores of a model mean, by the type of its task.

A model gives raw scores, float64 [n, W]. Each head has some columns of them: that of the label the first, that of each
further output those behind. A head knows what it learns (`target`), what is minimised (`risk` for a row, `loss` for
TensorFlow), what the scores say (`probabilities`), how that is calibrated, and the metric that it is judged by.

A new type of task is a head and a line in `KINDS`; one of several classes is a `Multiclass` with its own loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from loopbook.models.class_heads import Anomaly, Binary, Multiclass, Ordinal, Ranking
from loopbook.models.head import Floats, Head
from loopbook.models.number_head import Number
from loopbook.scenario.task import Task

if TYPE_CHECKING:
    import pandas as pd

KINDS: dict[str, type[Head]] = {kind.kind: kind for kind in (Binary, Anomaly, Ranking, Multiclass, Ordinal, Number)}
"""The head of each type of task."""


@dataclass(frozen=True)
class Goal:
    """What a head is to learn of some rows.

    Attributes
    ----------
    target
        [n]; NaN where it is not known.
    weight
        How much each row counts, [n]; 0 where the target is not known.
    signs
        Of each column of the table 1 or -1 where it may only raise or lower the answer, else 0; None: all are free.
    described
        What classes are in words, by name, as far as the scenario says so.
    share
        What its risk counts in the sum over the heads.
    """

    head: Head
    target: Floats
    weight: Floats
    signs: NDArray[np.int64] | None = None
    described: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0

    @classmethod
    def on(cls, head: Head, frame: pd.DataFrame, weight: Floats) -> Self:
        """Return what a head is to learn of rows in canonical form."""
        target = head.target(frame[column(head)])
        return cls(head, target, np.where(np.isnan(target), 0.0, weight))

    def balanced(self, factor: Floats) -> Self:
        """Return it with the weights of each class multiplied."""
        by = np.where(self.known, factor[np.nan_to_num(self.target).astype(np.int64)], 0.0)
        return replace(self, weight=self.weight * by)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which rows have a target."""
        return ~np.isnan(self.target)

    def risk(self, z: Floats) -> float:
        """Return the weighted mean of the risk; 0 where no row has a target."""
        if not self.weight.any():
            return 0.0
        return float(np.average(self.head.risk(np.nan_to_num(self.target), z), weights=self.weight))


def learn(train: pd.DataFrame, weight: Floats, task: Task, *, every: bool = False) -> tuple[Head, ...]:
    """Return the heads of a task, not calibrated: that of the label, and those of its further outputs.

    Parameters
    ----------
    every
        Whether classes of which train has no row have a score too.

    Raises
    ------
    DataError
        If one has nothing to tell apart.
    """
    also = (Multiclass.of(train[f"label_{name}"], weight, task, name) for name in task.also)
    found = (KINDS[task.type].of(train["label"], weight, task), *also)
    return tuple(head.with_every_class() if every else head for head in found)


def signs(columns: Sequence[str], task: Task) -> NDArray[np.int64] | None:
    """Return what `Goal.signs` says of the columns of a table, by `task.monotone`."""
    sign = {name: 1 if way == "up" else -1 for name, way in task.monotone.items()}
    return np.array([sign.get(name, 0) for name in columns], dtype=np.int64) if sign else None


def column(head: Head) -> str:
    """Return the column of rows in canonical form that holds a head's label."""
    return f"label_{head.name}" if head.name else "label"


def width(heads: Sequence[Head]) -> int:
    """Return the columns of raw scores that some heads have together."""
    return sum(head.width for head in heads)


def parts(heads: Sequence[Head], z: Any) -> Iterator[tuple[Head, Any]]:
    """Give each head with its columns of the raw scores [n, W]."""
    start = 0
    for head in heads:
        yield head, z[:, start : start + head.width]
        start += head.width


def risk(goals: Sequence[Goal], z: Floats, refined: bool = False) -> float:
    """Return the weighted mean risks of several heads, added, if so at the temperature that suits each best."""
    each = zip(goals, parts([goal.head for goal in goals], z), strict=True)
    risks = ((goal, goal.risk(head.refined(goal.target, own) if refined else own)) for goal, (head, own) in each)
    return float(sum(goal.share * risk for goal, risk in risks))


def dump(heads: Sequence[Head]) -> list[dict[str, Any]]:
    """Return heads as plain values for JSON."""
    return [{"kind": head.kind, **head.model_dump(mode="json")} for head in heads]


def load(described: Sequence[dict[str, Any]]) -> tuple[Head, ...]:
    """Return the heads that `dump` described."""
    return tuple(
        KINDS[head["kind"]].model_validate({name: value for name, value in head.items() if name != "kind"})
        for head in described
    )
