"""Activation checkpointing: what an encoder's layers compute is forgotten, and computed again for the gradient."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from loopbook.scenario.errors import ScenarioError


@contextmanager
def recomputed(model: Any) -> Iterator[None]:
    """Let each Transformer layer of a model keep its input alone while it is trained.

    `keras.RematScope` cannot: in a `tf.function` it refuses a layer that is given its mask by name (Keras 3.15), and
    would draw other dropout the second time. Here the random states of a layer are set back for that, so that the
    gradient is that of the loss.

    Raises
    ------
    ScenarioError
        If the model has no such layer.

    References
    ----------
    Chen et al. (2016), Training deep nets with sublinear memory cost.
    """
    layers = [layer for layer in model.layers if layer.name.startswith("transformer_layer_")]
    if not layers:
        raise ScenarioError(f"The network {model.name!r} has no layers of an encoder, which recompute computes again.")
    for layer in layers:
        layer.call = _forgetful(layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _forgetful(layer: Any) -> Any:
    import tensorflow as tf

    whole = layer.call
    parts = (getattr(part, "seed_generator", None) for part in layer._flatten_layers())
    states = [generator.state for generator in parts if generator is not None]

    def call(inputs: Any, padding_mask: Any = None, training: Any = None) -> Any:
        if not training:
            return whole(inputs, padding_mask=padding_mask, training=training)
        before = [tf.identity(state.value) for state in states]

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def run(state: Any) -> Any:
            def gradient(slope: Any, variables: Any = None) -> Any:
                trained = list(variables or ())
                # It waits for the slope: computed earlier, it would be kept again.
                with tf.control_dependencies([slope]):
                    given = tf.identity(state)
                after = [tf.identity(kept.value) for kept in states]
                for kept, value in zip(states, before, strict=True):
                    kept.assign(value)
                with tf.GradientTape() as tape:
                    tape.watch(given)
                    again = whole(given, padding_mask=padding_mask, training=True)
                for kept, value in zip(states, after, strict=True):
                    kept.assign(value)
                first, *others = tape.gradient(again, [given, *trained], output_gradients=slope)
                return (first, others) if trained else first

            return whole(state, padding_mask=padding_mask, training=True), gradient

        return run(inputs)

    return call
