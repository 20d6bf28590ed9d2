"""Tracing: TensorFlow reads the Python of one Transformer layer, and all layers of an encoder call the result."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from loopbook.models.training.lean_gelu import lean


@contextmanager
def traced_once(model: Any, training: bool = True) -> Iterator[None]:
    """Let the Transformer layers of a model that is called within, for training or not, share a function of TensorFlow.

    Its graph, and that of its gradient, are made, optimised and loaded once, however many layers there are. Layers
    share it if they are alike and the same of their weights are trained. A model without such layers is left alone.
    """
    layers = [layer for layer in model.layers if layer.name.startswith("transformer_layer_")]
    functions: dict[tuple[bool, ...], Callable[..., Any]] = {}
    for layer in layers:
        trained = tuple(variable.trainable for variable in layer.variables)
        if trained not in functions:
            functions[trained] = _function(layer, training)
        layer.call = _call(layer, functions[trained])
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _states(layer: Any) -> list[Any]:
    """Return the variables that a layer changes when it is called: the states of its random generators."""
    parts = (getattr(part, "seed_generator", None) for part in layer._flatten_layers())
    return [generator.state for generator in parts if generator is not None]


def _function(layer: Any, training: bool) -> Callable[..., Any]:
    """Return a layer as a function of its variables and its input."""
    whole, variables, states = layer.call, layer.variables, _states(layer)

    @tf.function(autograph=False, experimental_attributes={"_noinline": True})  # type: ignore[untyped-decorator]
    def run(values: Sequence[Any], given: Any, mask: Any) -> tuple[Any, list[Any]]:
        # Nothing is to be computed for the gradient of what is not trained.
        known = [
            value if variable.trainable else tf.stop_gradient(value)
            for variable, value in zip(variables, values, strict=True)
        ]
        with lean(layer), keras.StatelessScope(state_mapping=list(zip(variables, known, strict=True))) as scope:
            out = whole(given, padding_mask=mask, training=training)
        return out, [scope.get_current_value(state) for state in states]

    found: Callable[..., Any] = run
    return found


def _call(layer: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(inputs: Any, padding_mask: Any = None, training: Any = None) -> Any:
        out, states = function([variable.value for variable in layer.variables], inputs, padding_mask)
        for state, value in zip(_states(layer), states, strict=True):
            state.assign(value)
        return out

    return call
