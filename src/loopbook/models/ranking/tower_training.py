"""Training of towers in Keras: the two-tower model by a softmax over items, the click model by clicks and places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from loopbook.models.ranking.scorers import Scores
from loopbook.models.ranking.towers import Towers
from loopbook.models.training import runtime

Progress = Callable[[str], object] | None

_ALL = 4_096  # items up to which the softmax is over all of them; of more, over those of the batch


@dataclass(frozen=True)
class Examples:
    """What towers learn from.

    Attributes
    ----------
    took
        What the user had taken before, the newest first, int [n, length]; -1 where there was less.
    item
        What was put before them, int [n].
    label
        Whether they took it, float [n].
    weight
        How much it counts, float [n].
    place
        Where it stood, from 1; 0: not known, int [n].
    """

    took: NDArray[np.int64]
    item: NDArray[np.int64]
    label: NDArray[Any]
    weight: NDArray[Any]
    place: NDArray[np.int64]


@dataclass(frozen=True)
class Training:
    """How towers are trained.

    Attributes
    ----------
    size
        Numbers in a vector.
    passes, batch, rate
        Epochs, rows a step, and the learning rate of Adam.
    hidden_ids
        Share of items of which a step sees the content alone, so that new ones are scored (DropoutNet, Volkovs et al.
        2017).
    penalty
        Weight of the squared numbers of items' own vectors in the loss.
    """

    size: int = 32
    passes: int = 8
    batch: int = 512
    rate: float = 0.003
    hidden_ids: float = 0.3
    penalty: float = 1e-5
    seed: int = 0


def fit(
    content: Scores,
    examples: Examples,
    goal: Literal["softmax", "click"],
    training: Training,
    progress: Progress = None,
) -> Towers:
    r"""Fit two towers.

    ``softmax``: of the rows that were taken, which item: cross-entropy over all items, or, of many, over those of the
    batch, less the logarithm of how often each occurs. ``click``: of all rows, whether it was taken, where the place in
    the list adds its own number to the logit; it is set to that of the first place when the model is asked.

    Parameters
    ----------
    content
        Of each item, such as its text's embedding and its table, float32 [I, c].

    References
    ----------
    Covington, Adams & Sargin (2016), Deep neural networks for YouTube recommendations; Yi et al. (2019), Sampling-bias-
    corrected neural modeling; Guo et al. (2019), PAL: a position-bias aware learning framework for CTR prediction.
    """
    runtime.prepare(training.seed)
    import keras

    rows = np.flatnonzero((examples.weight > 0) & ((examples.label > 0) | (goal == "click")))
    count, places = len(content), int(examples.place.max(initial=0)) + 1
    model = _model(content, examples, goal, training, places)
    given = {name: np.asarray(getattr(examples, name))[rows] for name in ("took", "item", "label", "weight", "place")}
    often = np.bincount(given["item"], minlength=count) + 1.0
    given["rare"] = -np.log(often / often.sum())[given["item"]]
    steps = training.passes * -(-len(rows) // training.batch)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(training.rate, steps)), jit_compile=False
    )
    tell = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: (
            progress(f"{goal}: epoch {epoch + 1} of {training.passes}, {logs['loss']:.4f}") if progress else None
        )
    )
    fed = {name: values.astype(np.int32 if values.dtype == np.int64 else np.float32) for name, values in given.items()}
    fitted = model.fit(fed, batch_size=training.batch, epochs=training.passes, verbose=0, callbacks=[tell])
    found: Towers = model.learnt(content)
    return replace(found, losses=np.array(fitted.history["loss"], dtype=np.float32))


def _model(content: Scores, examples: Examples, goal: str, training: Training, places: int) -> Any:
    """Return the Keras model, whose inputs are those of `Examples` and whose loss it knows itself."""
    import keras
    import tensorflow as tf

    size, length, count = training.size, examples.took.shape[1], len(content)
    known = tf.constant(content)

    class Model(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.project = keras.layers.Dense(size + 1, name="projection")
            self.project.build((None, content.shape[1]))
            self.turn = keras.layers.Dense(size, kernel_initializer="identity", name="turn")
            self.turn.build((None, size))
            self.own = self.add_weight(shape=(count, size + 1), initializer="zeros", name="items")
            self.recency = self.add_weight(shape=(length,), initializer="zeros", name="recency")
            self.query = self.add_weight(shape=(size,), initializer="zeros", name="query")
            self.place = self.add_weight((places,), "zeros", trainable=goal == "click", name="place")
            self.drawn = keras.random.SeedGenerator(training.seed)

        def vectors(self, training_now: bool) -> Any:
            own = self.own
            if training_now:
                seen = keras.random.uniform((count, 1), seed=self.drawn) >= training.hidden_ids
                own = own * tf.cast(seen, tf.float32)
            return self.project(known) + own

        def users(self, vectors: Any, took: Any) -> Any:
            each = tf.gather(vectors[:, :-1], tf.maximum(took, 0))
            attention = self.recency + tf.einsum("nld,d->nl", each, self.query)
            attention = tf.where(took >= 0, tf.exp(tf.clip_by_value(attention, -30.0, 30.0)), 0.0)
            attention = attention / tf.maximum(tf.reduce_sum(attention, axis=1, keepdims=True), 1e-9)
            return self.turn(tf.einsum("nl,nld->nd", attention, each))

        def call(self, given: Any, training: bool = False) -> Any:
            vectors = self.vectors(training)
            users = self.users(vectors, given["took"])
            if goal == "click":
                own = tf.gather(vectors, given["item"])
                logit = tf.reduce_sum(users * own[:, :-1], axis=1) + own[:, -1] + tf.gather(self.place, given["place"])
                return tf.nn.sigmoid_cross_entropy_with_logits(labels=given["label"], logits=logit)
            if count <= _ALL:
                logits = users @ tf.transpose(vectors[:, :-1]) + vectors[:, -1]
                return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=given["item"], logits=logits)
            own = tf.gather(vectors, given["item"])
            logits = users @ tf.transpose(own[:, :-1]) + own[:, -1] + given["rare"]
            same = (given["item"][:, None] == given["item"][None]) & ~tf.eye(tf.shape(users)[0], dtype=tf.bool)
            labels = tf.range(tf.shape(users)[0])
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=tf.where(same, -1e9, logits))

        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, *_: Any, **__: Any) -> Any:
            mean = tf.reduce_sum(y_pred * x["weight"]) / tf.reduce_sum(x["weight"])
            return mean + training.penalty * tf.reduce_sum(self.own**2)

        def learnt(self, content: Scores) -> Towers:
            projection, offset = (value.numpy() for value in self.project.weights)
            offset[-1] += float(self.place.numpy()[min(1, places - 1)])
            turn, constant = (value.numpy() for value in self.turn.weights)
            items, attention = (
                content @ projection + offset + self.own.numpy(),
                (self.recency.numpy(), self.query.numpy()),
            )
            return Towers(items, projection, offset, *attention, turn, constant)

    return Model()
