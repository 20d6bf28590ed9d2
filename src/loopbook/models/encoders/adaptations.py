"""Adaptation: which numbers of a pretrained encoder are trained, and the small layers that are put into it."""

from collections.abc import Sequence
from typing import Any

import keras

from loopbook.models.encoders import pretrained


@keras.saving.register_keras_serializable("loopbook")
class Prefix(keras.layers.Layer):  # type: ignore[misc]
    """Vectors that are learnt and stand before the others, [n, count + t, width]."""

    def __init__(self, count: int, **more: Any) -> None:
        super().__init__(**more)
        self.count = count

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the vectors, as small as an encoder's embeddings."""
        self.vectors = self.add_weight(
            shape=(self.count, shape[-1]), initializer=keras.initializers.RandomNormal(stddev=0.02), name="vectors"
        )

    def call(self, state: Any) -> Any:
        """Return the vectors before those of `state`."""
        rows = keras.ops.shape(state)[0]
        own = keras.ops.broadcast_to(keras.ops.cast(self.vectors, state.dtype), (rows, *self.vectors.shape))
        return keras.ops.concatenate([own, state], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return how many there are."""
        return {**super().get_config(), "count": self.count}


def around(layer: Any, state: Any, here: Any, at: int, size: int, adaptation: str) -> Any:
    """Return what a Transformer layer makes of its input, with a prefix before it or an adapter behind it.

    Parameters
    ----------
    state, here
        [n, t, width], and which of the t are no padding.
    at
        The layer's number.
    size
        Vectors of the prefix, numbers in the adapter; other adaptations change nothing here.
    """
    if adaptation == "prefix":
        # Each layer gets vectors of its own; what it makes of them is left behind.
        ahead = keras.ops.ones_like(here[:, :1])
        mask = keras.ops.concatenate([*[ahead] * size, here], axis=1)
        return layer(Prefix(size, name=f"prefix_{at}")(state), padding_mask=mask)[:, size:]
    state = layer(state, padding_mask=here)
    if adaptation == "adapters":
        inner = keras.layers.Dense(size, activation="gelu", name=f"adapter_down_{at}")(state)
        # It begins as nothing.
        state = state + keras.layers.Dense(int(state.shape[-1]), kernel_initializer="zeros", name=f"adapter_up_{at}")(
            inner
        )
    return state


def freeze(embeddings: Sequence[Any], layers: Sequence[Any], adaptation: str, rank: int, last: int) -> None:
    """Leave to training what an adaptation trains of a pretrained encoder, and give LoRA its factors."""
    fixed = {"full": [], "last": [*embeddings, *layers[: max(0, len(layers) - last)]]}
    for layer in fixed.get(adaptation, [*embeddings, *layers]):
        for part in layer._flatten_layers():
            part.trainable = False
    if adaptation == "lora":
        for layer in layers:
            for dense in pretrained.dense(layer):
                dense.trainable = True
                dense.enable_lora(rank)
