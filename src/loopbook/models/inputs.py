"""What a network is given: the shapes of its inputs, and the arrays made from rows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from loopbook.scenario.errors import LoopbookError

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features

Arrays = dict[str, NDArray[Any]]
EMBEDDING_WIDTH = 384
"""Numbers in a sentence embedding of all-MiniLM-L6-v2."""


@dataclass(frozen=True)
class Inputs:
    """The inputs that an architecture may use, by their widths.

    Attributes
    ----------
    vocabulary_size
        Rows that an embedding of tokens needs, padding (0) and unknown (1) included; 0: no text.
    length
        Most tokens a row.
    width
        Columns of the table; 0: no table.
    embedding_width
        Numbers in a sentence embedding.
    """

    vocabulary_size: int
    length: int
    width: int
    embedding_width: int = EMBEDDING_WIDTH

    @classmethod
    def of(cls, features: Features) -> Inputs:
        """Return the inputs that fitted features offer."""
        return cls(features.vocabulary_size if features.texts else 0, features.length, features.width)

    def tokens(self) -> Any:
        """Return the Keras input ``tokens``, int32 [n, tokens]; a batch is as long as its longest row.

        A network on it must not see how far a row is padded: mask token 0. One that needs the full length takes
        ``keras.Input((inputs.length,), dtype="int32", name="tokens")`` instead.
        """
        import keras

        return keras.Input((None,), dtype="int32", name="tokens")

    def table(self) -> Any:
        """Return the Keras input ``table``, float32 [n, width]."""
        import keras

        return keras.Input((self.width,), name="table")

    def embedding(self) -> Any:
        """Return the Keras input ``embedding``, float32 [n, embedding_width]: the sentence encoder's output."""
        import keras

        return keras.Input((self.embedding_width,), name="embedding")


def encode(
    features: Features,
    frame: pd.DataFrame,
    names: Collection[str],
    cache: Path | None = None,
    progress: Callable[[str], object] | None = None,
) -> Arrays:
    """Return the arrays of the named inputs.

    Parameters
    ----------
    names
        Of ``tokens`` (int32 [n, length]), ``table`` (float32 [n, width]) and ``embedding`` (float32 [n, 384]).
    cache
        Folder of sentence embeddings that are known already; None: compute all.
    progress
        Told how far the sentence encoder is.
    """
    arrays: Arrays = {}
    for name in names:
        if name == "tokens":
            arrays[name] = features.tokens(frame)
        elif name == "table":
            arrays[name] = features.table(frame)
        elif name == "embedding":
            from loopbook.models import encoder

            arrays[name] = encoder.embed(texts(features, frame), cache, progress)
        else:
            raise LoopbookError(f"There is no input {name!r}; a network may use tokens, table and embedding.")
    return arrays


def texts(features: Features, frame: pd.DataFrame) -> list[str]:
    """Return the text of each row as the sentence encoder reads it; several fields are joined by a space."""
    from loopbook.data.features import column

    parts = [column(frame, field).fillna("").astype(str) for field in features.texts]
    return [" ".join(row) for row in zip(*parts, strict=True)]


def lengths(tokens: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return how many tokens each row has before its padding, int64 [n]."""
    used = tokens != 0
    return np.where(used.any(axis=1), tokens.shape[1] - np.argmax(used[:, ::-1], axis=1), 1).astype(np.int64)
