"""A head: what some columns of a model's raw scores mean, what is learned by them and how they are judged."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task
from loopbook.statistics import folds, metrics
from loopbook.statistics.metrics import Metric

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
_FOLDS = 5


class Head(BaseModel):
    """What all heads have.

    Attributes
    ----------
    name
        Of the further output; empty: the label.
    classes
        Names of all classes among which it chooses, in the order of the columns of `probabilities`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]
    tuned_by: ClassVar[str] = "log_loss"
    """The metric that a search for settings makes small."""
    numeric: ClassVar[bool] = False
    """Whether a quantity is learned, not a class."""
    aside: ClassVar[tuple[int, ...]] = ()
    """Columns of raw scores by which a network's features do not learn."""
    name: str = ""
    classes: tuple[str, ...]

    @classmethod
    @abstractmethod
    def of(cls, label: pd.Series[Any], weight: Floats, task: Task, name: str = "") -> Self:
        """Return the head for a label as train has it, not calibrated.

        Raises
        ------
        DataError
            If there is nothing to tell apart.
        """

    @property
    @abstractmethod
    def width(self) -> int:
        """Columns of raw scores."""

    @property
    def metric(self) -> Metric:
        """The metric by which models are ranked."""
        return metrics.primary(self.kind)

    @property
    def facts(self) -> dict[str, float]:
        """What the calibration is, to be recorded."""
        return {}

    @abstractmethod
    def target(self, label: pd.Series[Any]) -> Floats:
        """Return what is learned of each row, [n]; NaN where it is not known, or cannot be learned."""

    def balanced(self, target: Floats, weight: Floats) -> Floats:
        """Return by what the weights of each class that train knows are multiplied so that all count alike."""
        raise DataError(f"training.class_weights weighs classes, and a {self.kind} has none. Set it to false.")

    @property
    def scored(self) -> tuple[str, ...]:
        """Names of the classes that have a score; of two classes, one score is that of the second over the first's."""
        return self.classes

    def with_every_class(self) -> Self:
        """Return the head with a score for each class, also for those that train does not know."""
        return self

    def weighted(self, target: Floats, weight: Floats) -> Self:
        """Return the head with what takes back how weights move the base rate that is learned."""
        return self

    @abstractmethod
    def risk(self, target: Floats, z: Floats) -> Floats:
        """Return what is minimised, of each row, [n]: `target` without gaps, raw scores [n, width]."""

    @abstractmethod
    def loss(self, target: Any, z: Any, tf: Any) -> Any:
        """Return the same of tensors, float32 [n]; `tf` is TensorFlow, which who only asks a model does without."""

    def shaped(self, loss: Any, z: Any, tf: Any, smoothing: float, focal: float) -> Any:
        """Return a loss of tensors, [n], with smoothed labels and a focal weight; a number has neither."""
        return loss

    @abstractmethod
    def slope(self, target: Floats, z: Floats) -> Floats:
        """Return the derivative of `loss` in each raw score, [n, width]."""

    @abstractmethod
    def calibrated(self, target: Floats, z: Floats) -> Self:
        """Return the head calibrated on rows that the model was not fitted on; those without a target do not count."""

    def refined(self, target: Floats, z: Floats) -> Floats:
        """Return raw scores of validation at the temperature that calibration is going to choose; a number has none."""
        return z

    def tempered(self, z: Floats) -> Floats:
        """Return raw scores as sure as validation allows; those of a number are on one scale already."""
        return z

    @abstractmethod
    def probabilities(self, z: Floats) -> Floats:
        """Return the probability of each class, float64 [n, k], from raw scores [n, width]."""

    def judged(self, z: Floats) -> Floats:
        """Return what metrics judge, float64 [n, …]: the probabilities, or of a number the quantiles."""
        return self.probabilities(z)

    def score(self, target: Floats, z: Floats) -> float:
        """Return the primary metric of raw scores, on the rows whose target is known."""
        known = ~np.isnan(target)
        return metrics.score(self.metric.name, target[known], self._ranked(z[known])) if known.any() else np.nan

    def cross_fitted(self, target: Floats, z: Floats, groups: Any) -> Floats:
        """Return what metrics judge, each row by a calibration that was fitted without its group."""
        fold = folds.grouped(groups, _FOLDS)
        result = np.array(self.judged(z))
        for number in range(_FOLDS):
            inside = fold == number
            # With fewer groups than folds, a fold can be empty, or hold everything.
            head = self.calibrated(target[~inside], z[~inside]) if (~inside).any() else self
            result[inside] = head.judged(z[inside])
        return result

    def _ranked(self, z: Floats) -> Floats:
        return self.judged(z)
