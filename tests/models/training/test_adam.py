"""Adam in one operation takes the steps of Keras' Adam."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loopbook.models.training import runtime


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"weight_decay": 0.1, "global_clipnorm": 0.5},
        {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.9},
    ],
)
def test_every_step_is_that_of_keras(more: dict[str, Any]) -> None:
    runtime.prepare(1)
    import keras
    import tensorflow as tf

    from loopbook.models.training.adam import Adam

    def trained(kind: type) -> list[np.ndarray]:
        random = np.random.default_rng(0)
        table, bias = (keras.Variable(random.normal(size=size), dtype="float32") for size in ((6, 3), (3,)))
        rate = keras.optimizers.schedules.CosineDecay(0.1, 10)
        optimizer = kind(rate, **more)
        optimizer.build([table, bias])
        optimizer.exclude_from_weight_decay(var_list=[bias])

        @tf.function
        def step(rows: Any) -> None:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(tf.gather(table.value, rows) + bias - 1))
            slopes = tape.gradient(loss, [table.value, bias.value])
            assert isinstance(slopes[0], tf.IndexedSlices)
            optimizer.apply(slopes, [table, bias])

        for at in range(7):
            step(tf.constant([at % 6, 0, 0]))
        return [variable.numpy() for variable in (table, bias, *optimizer.variables)]

    for own, theirs in zip(trained(Adam), trained(keras.optimizers.Adam), strict=True):
        assert own == pytest.approx(theirs, rel=1e-4, abs=2e-5)
