"""Encoder: a pretrained Transformer encoder that is tuned to the task, all of it or a few numbers of it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from loopbook.models import layers as shared
from loopbook.models.architecture import Built, Dropout, Inputs, architecture
from loopbook.models.encoders import pretrained
from loopbook.models.network import Network

Rank = Annotated[int, Field(ge=1, le=512)]
Kept = Annotated[int, Field(ge=0, le=64)]
Penalty = Annotated[float, Field(ge=0, le=1_000)]
Adaptation = Literal["lora", "full", "last", "adapters", "prefix", "frozen"]


@architecture(
    Network, needs="text", costly_export=True, ready=lambda given: pretrained.ready(given.get("preset", "minilm"))
)
def encoder(
    inputs: Inputs,
    *,
    preset: str = "minilm",
    adaptation: Adaptation = "lora",
    rank: Rank = 8,
    last: Kept = 2,
    layers: Kept = 0,
    dropout: Dropout = 0.1,
    penalty: Penalty = 0.0,
) -> Any:
    """Return the mean of the last layer over the word pieces, of length 1, and beside it the table.

    Parameters
    ----------
    preset
        ``minilm``, or a BERT by its name on Kaggle, ``hf://`` and a repository, or a folder by its whole path.
    adaptation
        What is trained: nothing (``frozen``), low-rank changes of all dense layers (``lora``), small layers behind each
        layer (``adapters``), vectors before each layer's input (``prefix``), the ``last`` layers, or all (``full``).
    rank
        Of the change of each matrix; numbers in an adapter; vectors of a prefix.
    last
        Layers, counted from the output, that ``last`` trains.
    layers
        Layers that are kept, counted from the input; 0: all.
    dropout
        Share of each layer's numbers that is hidden in each training step.
    penalty
        Weight of the head's squared coefficients in the loss.

    References
    ----------
    Hu et al. (2022), LoRA, with factors for each head of the attention as Keras has them, of all dense layers as in
    Dettmers et al. (2023), QLoRA; Pfeiffer et al. (2021),
    AdapterFusion: one adapter a layer; Li & Liang (2021), Prefix-tuning, with a prefix at the input of each layer;
    Sun et al. (2019), How to fine-tune BERT for text classification.
    """
    import keras

    from loopbook.models.encoders import adaptations

    own = pretrained.load(preset, dropout)
    kept = own.layers[: layers or None]
    pieces = inputs.pieces()
    here = keras.ops.not_equal(pieces, 0)
    state = own.embed(pieces)
    for at, layer in enumerate(kept):
        state = adaptations.around(layer, state, here, at, rank, adaptation)
    state = keras.layers.Identity(name="states")(state)  # masked_lm finds them here
    count = keras.ops.expand_dims(keras.ops.cast(here, "float32"), -1)
    # The mean and the sum point the same way, and only the direction is kept.
    state = keras.layers.UnitNormalization()(keras.ops.sum(state * count, axis=1))
    state = keras.layers.Rescaling(own.backbone.hidden_dim**0.5, name="embedding_scale")(state)
    state = shared.dropped(state, dropout)
    parts = [pieces]
    if inputs.width:
        parts.append(inputs.table())
        state = keras.layers.Concatenate()([state, parts[1]])
    adaptations.freeze(own.embeddings, kept, adaptation, rank, last)
    return Built(keras.Model(parts, state, name="encoder"), penalty, own.tokenizer)
