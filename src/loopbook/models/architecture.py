"""What an architecture says of itself, and the inputs that a network may be built for.

Importing this module costs nothing. An architecture's module holds it under the module's own name, as a function with
the decorator `architecture`; it does without ``from __future__ import annotations``, because a scenario's settings are
checked against the type and range that each annotation names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, Self

from pydantic import Field

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from loopbook.data.features import Features

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Size = Annotated[int, Field(ge=1, le=4096)]
Kernel = Annotated[int, Field(ge=1, le=64)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Strength = Annotated[float, Field(gt=0, le=1e6)]
Rate = Annotated[float, Field(gt=0, le=1)]
Words = Annotated[int, Field(ge=1, le=5)]
Characters = Annotated[int, Field(ge=0, le=8)]

Family = Literal["network", "plain", "ensemble"]
Need = Literal["text", "table", "nothing"]


class Predictor(Protocol):
    """What is learnt, in a form that is saved, loaded and asked without knowing the architecture."""

    family: ClassVar[Family]
    """``network``: trained by gradient descent; ``plain``: fitted in one go; ``ensemble``: made of several of both."""

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""

    def raw(
        self, features: Features, frame: pd.DataFrame, cache: Path | None, progress: Callable[[str], object] | None
    ) -> NDArray[np.float64]:
        """Return the raw scores of each row, float64 [n, W]; cache and progress are for the sentence encoder."""

    def save(self, folder: Path) -> None:
        """Write files into a folder."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what `save` wrote."""


@dataclass(frozen=True)
class Architecture:
    """One architecture.

    Attributes
    ----------
    name
        How scenarios call it.
    form
        The predictor that comes of it, which says how it is saved and loaded, and by which export knows it.
    needs
        The kind of input field without which it makes no sense.
    make
        Of a network: ``make(inputs, **settings)`` returns a Keras model with fresh weights that gives features,
        float32 [n, any]; the head is put upon it. What the model alone does not say comes with it as `Built`. Of a
        plain baseline:
        ``make(features, train, goals, **settings)`` returns the fitted predictor; `goals` are what each head is to
        learn (`heads.Goal`). Of an ensemble: ``make(members, **settings)``, of fitted models.
    settings
        Arguments that a candidate may set: the annotation of each, as a type with its range.
    required
        Those without a default.
    types
        Types of task that it can serve; empty: all.
    also
        Whether it can learn further outputs.
    monotone
        Whether its answers keep to `task.monotone`.
    described
        Whether it knows classes by their description, also those of which train has no row.
    encodes
        Of a plain baseline: whether `make` takes the folder of known sentence embeddings and progress too, after goals.
    costly_export
        Whether exporting it takes so long that only a champion is exported.
    ready
        Is called with a candidate's settings before a run, and raises if something that it rests on is not there.
    """

    name: str
    form: type[Predictor]
    needs: Need
    make: Callable[..., Any]
    settings: Mapping[str, Any]
    required: frozenset[str] = frozenset()
    types: tuple[str, ...] = ()
    also: bool = True
    monotone: bool = False
    described: bool = False
    encodes: bool = False
    costly_export: bool = False
    ready: Callable[[Mapping[str, Any]], object] = lambda _: None

    @property
    def family(self) -> Family:
        """``network``, ``plain`` or ``ensemble``."""
        return self.form.family

    @property
    def defaults(self) -> dict[str, Any]:
        """Settings that have a default, with it."""
        parameters = inspect.signature(self.make).parameters
        return {name: parameters[name].default for name in self.settings if name not in self.required}


def architecture(form: type[Predictor], needs: Need, **more: Any) -> Callable[[Callable[..., Any]], Architecture]:
    """Make a function an architecture of its name; its keyword-only arguments are the settings. See `Architecture`."""

    def of(make: Callable[..., Any]) -> Architecture:
        parameters = inspect.signature(make).parameters.values()
        settings = {given.name: given.annotation for given in parameters if given.kind is given.KEYWORD_ONLY}
        return Architecture(make.__name__, form, needs, make, settings, **more)

    return of


@dataclass(frozen=True)
class Built:
    """What the function of a network made.

    Attributes
    ----------
    model
        A Keras model that gives features, float32 [n, any].
    penalty
        Weight of the head's squared coefficients in the loss, in the mean over its scores.
    tokenizer
        Of the input ``pieces``: the tokenizer as the text of its JSON file.
    """

    model: Any
    penalty: float = 0.0
    tokenizer: str = ""


@dataclass(frozen=True)
class Inputs:
    """The inputs that a network may use, by their widths.

    Attributes
    ----------
    vocabulary_size
        Rows that an embedding of tokens needs, padding (0) and unknown (1) included; 0: no text.
    length
        Most tokens a row.
    width
        Columns of the table; 0: no table.
    categories
        Columns of each category, which are the last of the table, in their order.
    """

    vocabulary_size: int
    length: int
    width: int
    categories: tuple[int, ...] = ()

    @classmethod
    def of(cls, features: Features) -> Inputs:
        """Return the inputs that fitted features offer."""
        categories = tuple(len(category.levels) + 1 for category in features.categories)
        return cls(features.vocabulary_size if features.texts else 0, features.length, features.width, categories)

    @property
    def embedding_width(self) -> int:
        """Numbers in a sentence embedding."""
        from loopbook.models.encoders import sentence_encoder

        return sentence_encoder.WIDTH

    def tokens(self) -> Any:
        """Return the Keras input ``tokens``, int32 [n, tokens]; a batch is as long as its longest row.

        A network on it must not see how far a row is padded: mask token 0. One that needs the full length takes
        ``keras.Input((inputs.length,), dtype="int32", name="tokens")`` instead.
        """
        import keras

        return keras.Input((None,), dtype="int32", name="tokens")

    def pieces(self) -> Any:
        """Return the Keras input ``pieces``, int32 [n, pieces]: those of the network's own tokenizer, padded with 0."""
        import keras

        return keras.Input((None,), dtype="int32", name="pieces")

    def table(self) -> Any:
        """Return the Keras input ``table``, float32 [n, width]."""
        import keras

        return keras.Input((self.width,), name="table")

    def embedding(self) -> Any:
        """Return the Keras input ``embedding``, float32 [n, embedding_width]: the sentence encoder's output."""
        import keras

        return keras.Input((self.embedding_width,), name="embedding")
