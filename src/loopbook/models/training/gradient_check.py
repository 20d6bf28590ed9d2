"""Check the formula of the loss's gradient against automatic differentiation; the one measure that needs TensorFlow."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from loopbook.models import heads
from loopbook.models.architectures import registry
from loopbook.models.head import Head
from loopbook.models.training.method import TrainingData

COLUMNS = ["row", "score", "formula", "automatic", "difference"]


def check(head: Head, target: ArrayLike, z: ArrayLike, weight: ArrayLike | None = None) -> pd.DataFrame:
    """Compare the formula of the loss's gradient in the raw scores with automatic differentiation.

    The loss is the weighted mean of a head's risk; the formula says ``slope * w / sum(w)``, of classes with the slope
    ``p - y``.

    Parameters
    ----------
    target
        As of `Head.target`, [n].
    z
        Raw scores, [n, width].
    weight
        [n]; 1 if None.

    Returns
    -------
    DataFrame
        A row for each raw score: ``row``, ``score`` (its column), ``formula``, ``automatic``, ``difference``.
    """
    from loopbook.models.training import runtime

    runtime.prepare()
    import tensorflow as tf

    y, scores = np.asarray(target, dtype=np.float64), np.asarray(z, dtype=np.float64)
    w = np.ones_like(y) if weight is None else np.asarray(weight, dtype=np.float64)
    given = tf.constant(scores)
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss = tf.reduce_sum(head.loss(tf.constant(y), given, tf) * w) / tf.reduce_sum(w)
    automatic = tape.gradient(loss, given).numpy()
    formula = head.slope(y, scores) * (w / w.sum())[:, None]
    at = np.indices(scores.shape).reshape(2, -1)
    values = (*at, formula.ravel(), automatic.ravel(), (formula - automatic).ravel())
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))


def example(architecture: str, data: TrainingData) -> pd.DataFrame:
    """Return `check` on six rows with drawn scores, targets and weights; no row for one without a gradient."""
    if registry.described(architecture).family == "plain":
        return pd.DataFrame(columns=COLUMNS)
    random = np.random.default_rng(1)
    head, *_ = heads.learn(data.train, np.ones(len(data.train)), data.task)
    target = head.target(data.train["label"])
    chosen = random.choice(target[~np.isnan(target)], 6)
    return check(head, chosen, random.normal(0, 1.5, (6, head.width)), [1, 1, 0.5, 2, 1, 1])
