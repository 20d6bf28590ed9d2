"""Entity embeddings: a multilayer perceptron that learns a few numbers for each level of a category."""

from typing import Any

from loopbook.models import layers as shared
from loopbook.models.architecture import Dropout, Inputs, Size, architecture
from loopbook.models.architectures.mlp import Depth
from loopbook.models.network import Network


@architecture(Network, needs="table")
def entity_embeddings(
    inputs: Inputs, *, embedding: Size = 4, units: Size = 64, layers: Depth = 2, dropout: Dropout = 0.2
) -> Any:
    """Return a multilayer perceptron on the table's numbers and its categories' embeddings.

    The weights of a layer without bias on a category's one-hot columns are the embeddings of its levels.

    Parameters
    ----------
    embedding
        Numbers a level; no more than half of a category's levels.
    units, layers, dropout
        As of `mlp`.

    References
    ----------
    Guo & Berkhahn (2016), Entity embeddings of categorical variables.
    """
    import keras

    table = inputs.table()
    start = inputs.width - sum(inputs.categories)
    parts = [table[:, :start]] if start else []
    for number, levels in enumerate(inputs.categories, start=1):
        embed = keras.layers.Dense(min(embedding, (levels + 1) // 2), use_bias=False, name=f"category_{number}")
        parts.append(embed(table[:, start : start + levels]))
        start += levels
    state = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    return keras.Model(table, shared.hidden(state, units, layers, dropout), name="entity_embeddings")
