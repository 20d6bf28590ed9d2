"""Dropout with a byte of randomness a number: on a CPU, drawing is what dropout costs."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("loopbook")
class Dropout(keras.layers.Dropout):  # type: ignore[misc]
    """Keras' dropout, which hides a share that is rounded to 256ths, and never none (0.1 is 0.1016).

    Four numbers share 32 random bits of Philox, where Keras draws 32 for each. What is kept is scaled by the share
    that is truly kept. Keras' seed generator counts the draws, so that a training that is continued draws as if
    undisturbed.

    References
    ----------
    Srivastava et al. (2014), Dropout. Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3 (Philox).
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the inputs, in training with a share of them hidden."""
        if not training or not self.rate:
            return inputs
        kept = 256 - min(max(round(256 * self.rate), 1), 255)
        count = tf.size(inputs)
        # What tf.random.stateless_uniform draws, by 3 operations where it composes 46.
        key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=self.seed_generator.next())
        drawn = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=[count // 4 + 1], key=key, counter=counter, alg=tf.random.Algorithm.PHILOX.value, dtype=tf.int32
        )
        random = tf.reshape(tf.reshape(tf.bitcast(drawn, tf.uint8), [-1])[:count], tf.shape(inputs))

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def hidden(given: Any) -> Any:
            here = random < kept  # a byte a number is held for the gradient, not a float

            def scaled(x: Any) -> Any:
                return x * tf.cast(here, x.dtype) * (256 / kept)

            return scaled(given), scaled

        return hidden(inputs)


def inside(layer: Any) -> Any:
    """Return a built layer of a library whose own dropout, however deep, is ours from now on."""
    for part in layer._flatten_layers():
        if type(part) is keras.layers.Dropout:
            part.__class__ = Dropout  # a layer that is built takes no other in its place
    return layer
