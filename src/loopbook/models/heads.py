"""Heads: what the raw scores of a model mean, by the type of its task.

A model gives raw scores, float64 [n, W]. Each head has some columns of them: that of the label the first, that of each
further output those behind. A head knows what it learns (`target`), what is minimised (`risk` for a row, `loss` for
TensorFlow), what the scores say (`probabilities`), how that is calibrated, and the metric that it is judged by.

A new type of task is a class here and a line in `KINDS`; one of several classes is a `Multiclass` with its own loss.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Loss, Task
from loopbook.statistics import calibration, conformal, folds, metrics, scores, targets
from loopbook.statistics.metrics import Metric

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

_FOLDS = 5
_SCALES = (-5.0, 5.0)  # a learned scale lies between exp of these, in the spread of train


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

    def weighted(self, target: Floats, weight: Floats) -> Self:
        """Return the head with what takes back how weights move the base rate that is learned."""
        return self

    @abstractmethod
    def risk(self, target: Floats, z: Floats) -> Floats:
        """Return what is minimised, of each row, [n]: `target` without gaps, raw scores [n, width]."""

    @abstractmethod
    def loss(self, target: Any, z: Any) -> Any:
        """Return the same of TensorFlow's tensors, float32 [n]."""

    @abstractmethod
    def slope(self, target: Floats, z: Floats) -> Floats:
        """Return the derivative of `loss` in each raw score, [n, width]."""

    @abstractmethod
    def calibrated(self, target: Floats, z: Floats) -> Self:
        """Return the head calibrated on rows that the model was not fitted on; those without a target do not count."""

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


class Classes(Head):
    """A head that chooses among classes: scores, less what weights have added, divided by a temperature.

    Attributes
    ----------
    temperature
        Divides the scores; fitted on validation.
    offset
        Is subtracted from the scores before: what weights of rows and classes have added to them.
    """

    temperature: float = 1.0
    offset: tuple[float, ...] = ()

    @property
    def facts(self) -> dict[str, float]:
        return {"temperature": self.temperature}

    def codes(self, target: Floats) -> NDArray[np.int64]:
        """Return targets that are known as whole numbers."""
        return target.astype(np.int64)

    def balanced(self, target: Floats, weight: Floats) -> Floats:
        known = ~np.isnan(target)
        total = np.bincount(self.codes(target[known]), weight[known], minlength=self.learned)
        return np.asarray(total.sum() / (self.learned * total))

    @property
    def learned(self) -> int:
        """Classes that train knows."""
        return len(self.classes)

    def plain(self, z: Floats) -> Floats:
        """Return scores without what weights have added, and at the temperature."""
        free: Floats = z - np.array(self.offset or [0.0] * self.width)
        return free / self.temperature

    def logits(self, z: Floats) -> Floats:
        """Return scores as `statistics.scores` takes logits: [n] where there is one, else [n, width]."""
        return z[:, 0] if self.width == 1 else z

    def risk(self, target: Floats, z: Floats) -> Floats:
        return scores.cross_entropy(target, self.logits(z))

    def calibrated(self, target: Floats, z: Floats) -> Self:
        known = ~np.isnan(target)
        if not known.any():
            return self
        free = self.logits(self.model_copy(update={"temperature": 1.0}).plain(z[known]))
        return self.model_copy(update={"temperature": calibration.temperature(target[known], free)})


class Binary(Classes):
    """Yes or no: one logit, with a sigmoid."""

    kind = "binary"

    @classmethod
    def of(cls, label: pd.Series[Any], weight: Floats, task: Task, name: str = "") -> Self:
        head = cls(classes=targets.classes(label, task), name=name)
        _two(head.target(label), weight, "label", head.classes)
        return head

    @property
    def width(self) -> int:
        return 1

    def target(self, label: pd.Series[Any]) -> Floats:
        return label.to_numpy(np.float64)

    def weighted(self, target: Floats, weight: Floats) -> Self:
        share = float(np.average(target, weights=weight))
        return self.model_copy(update={"offset": (float(scores.logit(share) - scores.logit(target.mean())),)})

    def loss(self, target: Any, z: Any) -> Any:
        import tensorflow as tf

        return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=z[:, 0])

    def slope(self, target: Floats, z: Floats) -> Floats:
        return scores.sigmoid(z) - target[:, None]

    def probabilities(self, z: Floats) -> Floats:
        return targets.by_class(scores.sigmoid(self.plain(z)[:, 0]))

    def _ranked(self, z: Floats) -> Floats:
        return z[:, 0]


class Multiclass(Classes):
    """One of several classes: a score for each class that train knows, with a softmax.

    A class that train does not know has no score: its probability is as small as that of one row more among those of
    train, and a row of it teaches nothing.

    Attributes
    ----------
    seen
        Positions of the classes that train knows among all.
    rows
        How many rows of train had a label.
    """

    kind = "multiclass"
    seen: tuple[int, ...]
    rows: int

    @classmethod
    def of(cls, label: pd.Series[Any], weight: Floats, task: Task, name: str = "") -> Self:
        classes, codes = targets.classes(label, task), targets.codes(label, task)
        counts = weight > 0
        seen = np.unique(codes[counts & (codes != targets.NO_CLASS)])
        _two(np.where(codes == targets.NO_CLASS, np.nan, codes), weight, name or "label", classes)
        return cls(classes=classes, name=name, seen=tuple(seen.tolist()), rows=int((codes != targets.NO_CLASS).sum()))

    @property
    def width(self) -> int:
        return len(self.seen)

    @property
    def learned(self) -> int:
        return len(self.seen)

    def target(self, label: pd.Series[Any]) -> Floats:
        place = {self.classes[at]: float(score) for score, at in enumerate(self.seen)}
        return np.asarray(label.astype(object).map(place).to_numpy(np.float64, na_value=np.nan))

    def weighted(self, target: Floats, weight: Floats) -> Self:
        known = ~np.isnan(target)
        code = self.codes(target[known])
        share, plain = (np.bincount(code, by, minlength=self.width) for by in (weight[known], np.ones(len(code))))
        moved = np.log(share / share.sum()) - np.log(plain / plain.sum())
        return self.model_copy(update={"offset": tuple(moved.tolist())})

    def loss(self, target: Any, z: Any) -> Any:
        import tensorflow as tf

        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(target, tf.int32), logits=z)

    def slope(self, target: Floats, z: Floats) -> Floats:
        return scores.probabilities(z) - np.eye(self.width)[self.codes(target)]

    def probabilities(self, z: Floats) -> Floats:
        unseen, lacks = 1 / (self.rows + len(self.classes)), len(self.classes) - self.width
        result = np.full((len(z), len(self.classes)), unseen)
        result[:, list(self.seen)] = scores.probabilities(self.plain(z)) * (1 - unseen * lacks)
        return result

    def _ranked(self, z: Floats) -> Floats:
        return scores.probabilities(self.plain(z))


class Ordinal(Multiclass):
    """One of several classes in an order: besides the cross-entropy counts by how many ranks the answer is off.

    What is added is the squared distance of the cumulative probabilities from those of the true class. Only a network
    minimises it; plain baselines are fitted as for classes without order.

    References
    ----------
    Hou, Yu & Samaras (2016), Squared earth mover's distance-based loss for training deep neural networks.
    """

    kind = "ordinal"

    def risk(self, target: Floats, z: Floats) -> Floats:
        return np.asarray(super().risk(target, z) + (self._ahead(target, z) ** 2).sum(axis=1))

    def loss(self, target: Any, z: Any) -> Any:
        import tensorflow as tf

        below = tf.sequence_mask(tf.cast(target, tf.int32), self.width, z.dtype)
        ahead = tf.cumsum(tf.nn.softmax(z), axis=1) - (1 - below)
        return super().loss(target, z) + tf.reduce_sum(ahead**2, axis=1)

    def slope(self, target: Floats, z: Floats) -> Floats:
        p = scores.probabilities(z)
        rising = 2 * np.cumsum(self._ahead(target, z)[:, ::-1], axis=1)[:, ::-1]
        return np.asarray(super().slope(target, z) + p * (rising - (p * rising).sum(axis=1, keepdims=True)))

    def _ahead(self, target: Floats, z: Floats) -> Floats:
        """Return by how much the cumulative probability of each rank is above that of the true class, [n, width]."""
        reached = np.arange(self.width) >= target[:, None]
        return np.asarray(np.cumsum(scores.probabilities(z), axis=1) - reached)


class Number(Head):
    """A quantity, on a scale where train has mean 0 and spread 1: its middle, and the logarithm of its own spread.

    The middle minimises what the task names: half the squared error, the absolute error, Huber's between the two, or
    the pinball loss of three quantiles. The spread says how far off the middle is for rows like this one. It minimises
    Laplace's likelihood of the errors, which move it and are not moved by it; with ``quantiles`` it is the distance of
    the quantiles of 10% and 90% from the middle. The errors of validation, each divided by its spread, are what the
    predictive distribution is made of: conformal, so that it holds what it promises whatever the true distribution.

    Attributes
    ----------
    objective
        What is minimised.
    limits
        Between which the bands lie that are the classes.
    mean, spread
        Of train.
    errors
        Quantiles of the divided errors, of the levels `conformal.LEVELS`; empty: not calibrated, taken as Laplace's.
    count
        How many errors they are of.
    power
        To which the spread is raised, from 0 to 1, fitted on validation: what train says of it, it says too loudly.

    References
    ----------
    Nix & Weigend (1994), Estimating the mean and variance of the target probability distribution; Lei et al. (2018),
    Distribution-free predictive inference for regression, section 5.2: errors divided by a learned spread.
    """

    kind = "number"
    tuned_by = "pinball"
    numeric = True
    objective: Loss
    limits: tuple[float, ...]
    mean: float
    spread: float
    errors: tuple[float, ...] = ()
    count: int = 0
    power: float = 1.0

    @classmethod
    def of(cls, label: pd.Series[Any], weight: Floats, task: Task, name: str = "") -> Self:
        values = label.to_numpy(np.float64)
        mean = float(np.average(values, weights=weight))
        spread = float(np.sqrt(np.average((values - mean) ** 2, weights=weight)))
        if not spread > 0:
            raise DataError(
                f"All {len(label):,} rows of the split 'train' have the label {values[0]:g}: there is nothing to tell "
                "apart. Check task.label in the scenario, or take more data."
            )
        return cls(
            classes=targets.classes(label, task),
            name=name,
            mean=mean,
            spread=spread,
            objective=task.loss,  # type: ignore[attr-defined]
            limits=task.label.limits,  # type: ignore[attr-defined]
        )

    @property
    def width(self) -> int:
        return 2

    def target(self, label: pd.Series[Any]) -> Floats:
        return (label.to_numpy(np.float64) - self.mean) / self.spread

    def risk(self, target: Floats, z: Floats) -> Floats:
        return np.asarray(self._risk(target, z, np, lambda fixed: fixed))

    def loss(self, target: Any, z: Any) -> Any:
        import tensorflow as tf

        return self._risk(target, z, tf, tf.stop_gradient)

    def _risk(self, target: Any, z: Any, of: Any, fixed: Any) -> Any:
        """Return the risk by the functions of numpy or TensorFlow, which go by the same names."""
        middle, log_scale = z[:, 0], of.minimum(of.maximum(z[:, 1], _SCALES[0]), _SCALES[1])
        if self.objective == "quantiles":
            apart = [(level, target - middle - side * of.exp(log_scale)) for level, side in _THREE]
            return sum(of.maximum(level * by, (level - 1) * by) for level, by in apart)
        error = of.abs(target - middle)
        squared = of.square(error) / 2
        main = {
            "squared": squared,
            "absolute": error,
            "huber": of.where(error < 1, squared, error - 0.5),
        }[self.objective]
        return main + log_scale + fixed(error) * of.exp(-log_scale)

    def slope(self, target: Floats, z: Floats) -> Floats:
        scale, error = np.exp(z[:, 1]), target - z[:, 0]
        if self.objective == "quantiles":
            steps = [(side, (error - side * scale < 0) - level) for level, side in _THREE]
            return np.column_stack([sum(step for _, step in steps), sum(side * step * scale for side, step in steps)])
        main = {"squared": -error, "absolute": -np.sign(error), "huber": -np.clip(error, -1, 1)}[self.objective]
        return np.column_stack([main, 1 - np.abs(error) / scale])

    def calibrated(self, target: Floats, z: Floats) -> Self:
        from scipy.optimize import minimize_scalar

        error, log_scale = np.abs(target - z[:, 0]), np.clip(z[:, 1], *_SCALES)

        def misfit(power: float) -> float:
            """Laplace's likelihood of the errors, whatever their level: less is likelier."""
            return float(np.log((error * np.exp(-power * log_scale)).mean() + 1e-12) + power * log_scale.mean())

        power = float(minimize_scalar(misfit, bounds=(0.0, 1.0), method="bounded").x)
        head = self.model_copy(update={"power": power})
        errors = conformal.offsets(target, z[:, 0], head._scale(z))
        return head.model_copy(update={"errors": tuple(errors.tolist()), "count": len(target)})

    @property
    def facts(self) -> dict[str, float]:
        return {"residuals": self.count}

    def values(self, z: Floats) -> Floats:
        """Return the number that is predicted, float64 [n], in the unit of the label."""
        return self.mean + self.spread * z[:, 0]

    def distribution(self, z: Floats) -> Floats:
        """Return the quantiles of each row's predictive distribution, float64 [n, 99], in the unit of the label."""
        laplace = np.log(2 * np.minimum(conformal.LEVELS, 1 - conformal.LEVELS)) * np.sign(0.5 - conformal.LEVELS)
        return conformal.quantiles(self.values(z), np.array(self.errors or laplace), self.spread * self._scale(z))

    def probabilities(self, z: Floats) -> Floats:
        return conformal.bands(self.distribution(z), self.limits)

    def judged(self, z: Floats) -> Floats:
        return self.distribution(z)

    def _ranked(self, z: Floats) -> Floats:
        return z[:, 0]

    def _scale(self, z: Floats) -> Floats:
        return np.asarray(np.exp(self.power * np.clip(z[:, 1], *_SCALES)))


_THREE = ((0.1, -1), (0.5, 0), (0.9, 1))

KINDS: dict[str, type[Head]] = {kind.kind: kind for kind in (Binary, Multiclass, Ordinal, Number)}
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
    """

    head: Head
    target: Floats
    weight: Floats
    signs: NDArray[np.int64] | None = None

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


def learn(train: pd.DataFrame, weight: Floats, task: Task) -> tuple[Head, ...]:
    """Return the heads of a task, not calibrated: that of the label, and those of its further outputs.

    Raises
    ------
    DataError
        If one has nothing to tell apart.
    """
    also = (Multiclass.of(train[f"label_{name}"], weight, task, name) for name in task.also)
    return (KINDS[task.type].of(train["label"], weight, task), *also)


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


def risk(goals: Sequence[Goal], z: Floats) -> float:
    """Return the sum of the weighted mean risks of several heads."""
    each = parts([goal.head for goal in goals], z)
    return float(sum(goal.risk(own) for goal, (_, own) in zip(goals, each, strict=True)))


def dump(heads: Sequence[Head]) -> list[dict[str, Any]]:
    """Return heads as plain values for JSON."""
    return [{"kind": head.kind, **head.model_dump(mode="json")} for head in heads]


def load(described: Sequence[dict[str, Any]]) -> tuple[Head, ...]:
    """Return the heads that `dump` described."""
    return tuple(
        KINDS[head["kind"]].model_validate({name: value for name, value in head.items() if name != "kind"})
        for head in described
    )


def _two(target: Floats, weight: Floats, column: str, classes: Sequence[str]) -> None:
    """Refuse a label of which train knows no two classes."""
    known = ~np.isnan(target)
    found, counted = np.unique(target[known]), np.unique(target[known & (weight > 0)])
    if len(found) < 2:
        said = f"have the {column} {classes[int(found[0])]!r}" if len(found) else f"lack the {column}"
        where = "task.label" if column == "label" else f"task.also.{column}"
        raise DataError(
            f"All {int(known.sum() or len(known)):,} rows of the split 'train' {said}: there is nothing to tell apart. "
            f"Check {where} in the scenario, or take more data."
        )
    if len(counted) < 2:
        raise DataError("All rows of one class have the weight 0 in the split 'train': there is nothing to tell apart.")
