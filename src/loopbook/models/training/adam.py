"""Adam as one operation a weight matrix: fewer passes over memory, and a graph that is built in less time."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):  # type: ignore[misc]
    """Keras' Adam, whose step is TensorFlow's own operation and whose step size is computed once for all weights.

    Keras composes a step of some thirty operations for each weight matrix, each a pass over it. The formula is the
    same, and all else, decay, clipping, accumulation, moving average, is Keras'. As there, a word that occurs several
    times in a batch adds the square of each occurrence's gradient.

    References
    ----------
    Kingma & Ba (2015), Adam: a method for stochastic optimization; Loshchilov & Hutter (2019), AdamW.
    """

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        if self.weight_decay is None:
            return
        share = tf.cast(self.learning_rate, tf.float32) * self.weight_decay
        for variable in variables:
            if self._use_weight_decay(variable):
                variable.value.assign_sub(variable.value * share)

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        done = tf.cast(self.iterations, tf.float32) + 1
        settings = {
            "beta1_power": self.beta_1**done,
            "beta2_power": self.beta_2**done,
            "lr": tf.cast(learning_rate, tf.float32),
            # Of numbers each operation would make a node of its own.
            "beta1": tf.constant(self.beta_1),
            "beta2": tf.constant(self.beta_2),
            "epsilon": tf.constant(self.epsilon),
        }
        root = tf.sqrt(1 - settings["beta2_power"])
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            at = self._get_variable_index(variable)
            own, m, v = (each.value for each in (variable, self._momentums[at], self._velocities[at]))
            if isinstance(gradient, tf.IndexedSlices):
                self._decay(m, self.beta_1, gradient.values, gradient.indices)
                self._decay(v, self.beta_2, tf.square(gradient.values), gradient.indices)
                step = settings["lr"] * root / (1 - settings["beta1_power"])
                own.assign_sub(m * step / (tf.sqrt(v) + self.epsilon))
            else:
                tf.raw_ops.ResourceApplyAdam(var=own.handle, m=m.handle, v=v.handle, grad=gradient, **settings)

    @staticmethod
    def _decay(average: Any, share: float, rows: Any, at: Any) -> None:
        """Move an average of all rows of a table on, where only some have a new value; of the others it is 0."""
        average.assign(average * share)
        average.scatter_add(tf.IndexedSlices(rows * (1 - share), at))
