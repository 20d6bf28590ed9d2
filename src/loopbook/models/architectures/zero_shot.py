"""Zero-shot: the class whose description in words is nearest to the text; no label is learned from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from loopbook.models.architecture import architecture
from loopbook.models.encoders import sentence_encoder
from loopbook.models.linear import Linear
from loopbook.scenario.errors import DataError, suggest

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal

_SHARPNESS = 20.0  # of cosines, before the temperature is set on validation


@architecture(
    Linear,
    needs="text",
    types=("binary", "ranking", "multiclass", "ordinal"),
    monotone=True,
    described=True,
    costly_export=True,
    ready=lambda _: sentence_encoder.folder(),
)
def zero_shot(features: "Features", train: "pd.DataFrame", goals: "Sequence[Goal]") -> Linear:
    """Score each class by the cosine between a text's sentence embedding and that of the class's description.

    What a class is stands in ``task.label.descriptions``; one that is not described there is read as its name.
    Validation sets the temperature alone.

    References
    ----------
    Yin, Hay & Roth (2019), Benchmarking zero-shot text classification. Reimers & Gurevych (2019), Sentence-BERT.
    """
    parts = []
    for goal in goals:
        for name in goal.described:
            if name not in goal.head.classes:
                raise DataError(
                    f"A description speaks of {name!r}, which is no class.{suggest(name, goal.head.classes)}"
                )
        words = [goal.described.get(name, name.replace("_", " ")) for name in goal.head.scored]
        each = _SHARPNESS * sentence_encoder.embed(words).astype(np.float64).T
        parts.append(each if goal.head.width > 1 else each[:, 1:] - each[:, :1])
    weights = np.column_stack(parts)
    return Linear(np.zeros(weights.shape[1]), embedding_weights=weights)
