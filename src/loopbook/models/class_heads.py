"""Heads that choose among classes: binary by sigmoid, anomaly by a tail, multiclass by softmax, ordinal by ranks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from loopbook.models.head import Floats, Head
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task
from loopbook.statistics import calibration, scores, tails, targets

if TYPE_CHECKING:
    import pandas as pd


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
        return np.asarray(total.sum() / ((total > 0).sum() * np.where(total > 0, total, np.inf)))

    @property
    def learned(self) -> int:
        """Classes that train knows."""
        return len(self.classes)

    def plain(self, z: Floats) -> Floats:
        """Return scores without what weights have added, and at the temperature."""
        free: Floats = z - np.array(self.offset or [0.0] * self.width)
        return free / self.temperature

    def tempered(self, z: Floats) -> Floats:
        return np.asarray(self.plain(z) + np.array(self.offset or 0.0))

    def logits(self, z: Floats) -> Floats:
        """Return scores as `statistics.scores` takes logits: [n] where there is one, else [n, width]."""
        return z[:, 0] if self.width == 1 else z

    def risk(self, target: Floats, z: Floats) -> Floats:
        return scores.cross_entropy(target, self.logits(z))

    def shaped(self, loss: Any, z: Any, tf: Any, smoothing: float, focal: float) -> Any:
        """Return a loss with smoothed labels (Szegedy et al. 2016) and a focal weight (Lin et al. 2017), [n]."""
        if focal:
            # What the loss says of the true class is its probability: exp(-loss).
            loss = loss * (1 - tf.exp(-loss)) ** focal
        return (1 - smoothing) * loss + smoothing * self.even(z, tf) if smoothing else loss

    @abstractmethod
    def even(self, z: Any, tf: Any) -> Any:
        """Return the cross-entropy of tensors against labels spread evenly over the classes, [n]."""

    def calibrated(self, target: Floats, z: Floats) -> Self:
        known = ~np.isnan(target)
        if not known.any():
            return self
        free = self.logits(self.model_copy(update={"temperature": 1.0}).plain(z[known]))
        return self.model_copy(update={"temperature": calibration.temperature(target[known], free)})

    def refined(self, target: Floats, z: Floats) -> Floats:
        return z / self.model_copy(update={"offset": ()}).calibrated(target, z).temperature


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
        plain = float(target[weight > 0].mean())
        return self.model_copy(update={"offset": (float(scores.logit(share) - scores.logit(plain)),)})

    def loss(self, target: Any, z: Any, tf: Any) -> Any:
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=z[:, 0])

    def even(self, z: Any, tf: Any) -> Any:
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.ones_like(z[:, 0]) / 2, logits=z[:, 0])

    def slope(self, target: Floats, z: Floats) -> Floats:
        return scores.sigmoid(z) - target[:, None]

    def probabilities(self, z: Floats) -> Floats:
        return targets.by_class(scores.sigmoid(self.plain(z)[:, 0]))

    def _ranked(self, z: Floats) -> Floats:
        return z[:, 0]


class Anomaly(Binary):
    """How unlike the normal a row is: one score, calibrated by normal rows that it has not learned from.

    Attributes
    ----------
    reference
        Scores of normal rows, ascending, by models that have not seen them.
    prior
        Share of rows that belong to a failure.
    """

    kind = "anomaly"
    reference: tuple[float, ...] = ()
    prior: float

    @classmethod
    def of(cls, label: pd.Series[Any], weight: Floats, task: Task, name: str = "") -> Self:
        if not ((label.to_numpy(np.float64) == 0) & (weight > 0)).any():
            raise DataError("No row of the split 'train' is normal, and from others nothing is learned.")
        return cls(classes=targets.classes(label, task), name=name, prior=task.prior)  # type: ignore[attr-defined]

    @property
    def facts(self) -> dict[str, float]:
        return {"reference": len(self.reference)}

    def weighted(self, target: Floats, weight: Floats) -> Self:
        return self

    def risk(self, target: Floats, z: Floats) -> Floats:
        """Return how unlike the others each normal row is, 0 for one that failed: that is what is made small."""
        return np.where(target == 0, z[:, 0], 0.0)

    def calibrated(self, target: Floats, z: Floats) -> Self:
        return self.model_copy(update={"reference": tuple(np.sort(z[target == 0, 0]).tolist())})

    def refined(self, target: Floats, z: Floats) -> Floats:
        return z

    def tempered(self, z: Floats) -> Floats:
        return z

    def probabilities(self, z: Floats) -> Floats:
        tail = tails.Tail.of(self.reference).probability(z[:, 0])
        return targets.by_class(tails.posterior(tail, self.prior))


class Ranking(Binary):
    """Whether an item that is put before a user is taken: one logit; the order of a list is that of its items."""

    kind = "ranking"


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
        counts = (weight > 0) & (codes != targets.NO_CLASS)
        seen = np.unique(codes[counts])
        _two(np.where(codes == targets.NO_CLASS, np.nan, codes), weight, name or "label", classes)
        return cls(
            classes=classes,
            name=name,
            seen=tuple(seen.tolist()),
            rows=int((counts & (codes != targets.NO_CLASS)).sum()),
        )

    @property
    def width(self) -> int:
        return len(self.seen)

    @property
    def learned(self) -> int:
        return len(self.seen)

    @property
    def scored(self) -> tuple[str, ...]:
        return tuple(self.classes[at] for at in self.seen)

    def with_every_class(self) -> Self:
        return self.model_copy(update={"seen": tuple(range(len(self.classes)))})

    def target(self, label: pd.Series[Any]) -> Floats:
        place = {self.classes[at]: float(score) for score, at in enumerate(self.seen)}
        return np.asarray(label.astype(object).map(place).to_numpy(np.float64, na_value=np.nan))

    def weighted(self, target: Floats, weight: Floats) -> Self:
        known = ~np.isnan(target) & (weight > 0)
        code = self.codes(target[known])
        share, plain = (np.bincount(code, by, minlength=self.width) for by in (weight[known], np.ones(len(code))))
        has = plain > 0
        moved = np.where(has, np.log(share / share.sum(), where=has, out=np.zeros(self.width)), 0)
        moved -= np.log(plain / plain.sum(), where=has, out=np.zeros(self.width))
        return self.model_copy(update={"offset": tuple(moved.tolist())})

    def loss(self, target: Any, z: Any, tf: Any) -> Any:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(target, tf.int32), logits=z)

    def even(self, z: Any, tf: Any) -> Any:
        return tf.reduce_logsumexp(z, axis=1) - tf.reduce_mean(z, axis=1)

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

    def loss(self, target: Any, z: Any, tf: Any) -> Any:
        below = tf.sequence_mask(tf.cast(target, tf.int32), self.width, z.dtype)
        ahead = tf.cumsum(tf.nn.softmax(z), axis=1) - (1 - below)
        return super().loss(target, z, tf) + tf.reduce_sum(ahead**2, axis=1)

    def slope(self, target: Floats, z: Floats) -> Floats:
        p = scores.probabilities(z)
        rising = 2 * np.cumsum(self._ahead(target, z)[:, ::-1], axis=1)[:, ::-1]
        return np.asarray(super().slope(target, z) + p * (rising - (p * rising).sum(axis=1, keepdims=True)))

    def _ahead(self, target: Floats, z: Floats) -> Floats:
        """Return by how much the cumulative probability of each rank is above that of the true class, [n, width]."""
        reached = np.arange(self.width) >= target[:, None]
        return np.asarray(np.cumsum(scores.probabilities(z), axis=1) - reached)


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
