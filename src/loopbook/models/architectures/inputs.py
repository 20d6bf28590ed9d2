"""What a network is built for: the shapes of its inputs, and Keras' placeholders for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loopbook.data.features import Features

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
