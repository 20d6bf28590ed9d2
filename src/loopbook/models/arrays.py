"""The arrays that a model is given, made from rows; serving needs no more than these, and no Keras."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from loopbook.scenario.errors import LoopbookError

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features

Arrays = dict[str, NDArray[Any]]
TEXT = ("tokens", "pieces")
"""Inputs that are a text, padded with 0."""


def encode(
    features: Features,
    frame: pd.DataFrame,
    names: Collection[str],
    cache: Path | None = None,
    progress: Callable[[str], object] | None = None,
    tokenizer: str = "",
) -> Arrays:
    """Return the arrays of the named inputs.

    Parameters
    ----------
    names
        Of ``tokens`` (int32 [n, length]), ``pieces`` (int32 [n, longest]), ``table`` (float32 [n, width]) and
        ``embedding`` (float32 [n, width]).
    cache
        Folder of sentence embeddings that are known already; None: compute all.
    progress
        Told how far the sentence encoder is.
    tokenizer
        What makes ``pieces``, as the text of its JSON file.
    """
    arrays: Arrays = {}
    for name in names:
        if name == "tokens":
            arrays[name] = features.tokens(frame)
        elif name == "pieces":
            from loopbook.models.encoders import sentence_encoder

            made = sentence_encoder.tokenizer(tokenizer)
            arrays[name] = sentence_encoder.pad(sentence_encoder.pieces(texts(features, frame), made)).astype(np.int32)
        elif name == "table":
            arrays[name] = features.table(frame)
        elif name == "embedding":
            from loopbook.models.encoders import sentence_encoder

            arrays[name] = sentence_encoder.embed(texts(features, frame), cache, progress)
        else:
            raise LoopbookError(f"There is no input {name!r}; a network may use tokens, pieces, table and embedding.")
    return arrays


def texts(features: Features, frame: pd.DataFrame) -> list[str]:
    """Return the text of each row as the sentence encoder reads it; several fields are joined by a space."""
    from loopbook.data.features import strings

    return [" ".join(row) for row in zip(*(strings(frame, field) for field in features.texts), strict=True)]


def text(arrays: Arrays) -> NDArray[np.int32] | None:
    """Return the one that is a text, [n, tokens]; None if there is none."""
    return next((arrays[name] for name in TEXT if name in arrays), None)


def lengths(tokens: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return how many tokens each row has before its padding, int64 [n]."""
    used = tokens != 0
    return np.where(used.any(axis=1), tokens.shape[1] - np.argmax(used[:, ::-1], axis=1), 1).astype(np.int64)
