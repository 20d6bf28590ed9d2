"""Block LSTM: all steps of an LSTM as one operation of TensorFlow, and their gradient as another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf


@contextmanager
def in_one_operation(model: Any) -> Iterator[None]:
    """Let the LSTM layers of a model that is called within compute all steps of a text at once.

    Keras composes a step of some twenty operations in a loop, and its gradient of as many again; the formula is the
    same. Layers that do more (give all states, drop inputs, use other activations, compute in half precision) are left
    alone, as is a model without an LSTM.

    References
    ----------
    Hochreiter & Schmidhuber (1997), Long short-term memory; Gers, Schmidhuber & Cummins (2000), Learning to forget.
    """
    layers = [layer for layer in model._flatten_layers() if type(layer) is keras.layers.LSTM and _plain(layer)]
    for layer in layers:
        layer.inner_loop = _loop(layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.inner_loop


def _plain(layer: Any) -> bool:
    more = (layer.return_sequences, layer.return_state, layer.stateful, layer.dropout, layer.recurrent_dropout)
    return (
        layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and layer.use_bias
        and layer.compute_dtype == "float32"
        and not any(more)
    )


def _loop(layer: Any) -> Callable[..., Any]:
    """Return what computes the last state of each row, and stands in for Keras' loop over steps."""
    cell = layer.cell

    def loop(sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        hidden, memory = initial_state
        rows, steps = tf.unstack(tf.shape(sequences)[:2])
        read = tf.ones((rows, steps), tf.bool) if mask is None else mask
        # A masked step changes nothing, so the others are put first, in their order; nothing behind them is looked at.
        place = tf.range(steps, 0, -1) if layer.go_backwards else tf.range(steps)
        order = tf.argsort(tf.where(read, place, steps + 1), axis=1, stable=True)
        flat = tf.reshape(sequences, (rows * steps, sequences.shape[-1]))
        # Keras orders the gates i, f, c, o, this operation i, c, f, o. (BlockLSTMV2 has Keras' order, but its gradient
        # takes them for the other.)
        i, f, c, o = tf.split(tf.concat([cell.kernel, cell.recurrent_kernel, cell.bias[None]], axis=0), 4, axis=1)
        gates, none = tf.concat([i, c, f, o], axis=1), tf.zeros((layer.units,))
        states = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.cast(steps, tf.int64),
            x=tf.gather(flat, tf.transpose(order) + tf.range(rows) * steps),
            cs_prev=memory,
            h_prev=hidden,
            w=gates[:-1],
            wci=none,
            wcf=none,
            wco=none,
            b=gates[-1],
            forget_bias=0.0,
            cell_clip=-1.0,  # none
        ).h
        count = tf.reduce_sum(tf.cast(read, tf.int32), axis=1)
        last = tf.gather_nd(states, tf.stack([tf.maximum(count - 1, 0), tf.range(rows)], axis=1))
        last = tf.where(count[:, None] > 0, last, hidden)
        return last, last[:, None], [last]

    return loop
