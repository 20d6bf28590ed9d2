"""Check the formula of the loss's gradient against automatic differentiation; the one measure that needs TensorFlow."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from loopbook.models.architectures import registry
from loopbook.statistics.scores import sigmoid


def check(label: ArrayLike, logit: ArrayLike, weight: ArrayLike | None = None) -> pd.DataFrame:
    """Compare the formula of the loss's gradient in the logit with automatic differentiation.

    The loss is the weighted mean cross-entropy; the formula says ``(p - y) * w / sum(w)``.

    Parameters
    ----------
    label, logit, weight
        [n]; weights are 1 if None.

    Returns
    -------
    DataFrame
        A row for each given row: ``label``, ``logit``, ``formula``, ``automatic``, ``difference``.
    """
    from loopbook.models.training import runtime

    runtime.prepare()
    import tensorflow as tf

    y, z = np.asarray(label, dtype=np.float64), np.asarray(logit, dtype=np.float64)
    w = np.ones_like(y) if weight is None else np.asarray(weight, dtype=np.float64)
    given = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(given)
        each = tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.constant(y), logits=given)
        loss = tf.reduce_sum(each * w) / tf.reduce_sum(w)
    automatic = tape.gradient(loss, given).numpy()
    formula = (sigmoid(z) - y) * w / w.sum()
    return pd.DataFrame(
        {"label": y, "logit": z, "formula": formula, "automatic": automatic, "difference": formula - automatic}
    )


def example(architecture: str, seed: int = 1) -> pd.DataFrame:
    """Return `check` on six rows with random logits and different weights; no row for one without a gradient."""
    if registry.described(architecture).family == "plain":
        return pd.DataFrame(columns=["label", "logit", "formula", "automatic", "difference"])
    drawn = np.random.default_rng(seed).normal(0, 3, 6)
    return check([0, 1, 0, 1, 1, 0], drawn, [1, 1, 0.5, 2, 1, 1])
