"""A Keras network that answers with raw scores: built for training, run in batches of like length, saved and loaded."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from loopbook.models.architecture import Built
from loopbook.models.arrays import TEXT, Arrays, encode, lengths, text
from loopbook.models.training import runtime
from loopbook.scenario.errors import ScenarioError, refuse
from loopbook.scenario.settings import Scalar
from loopbook.store.content import write_atomically

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.architecture import Architecture, Family, Inputs

FILE, TOKENIZER = "network.keras", "tokenizer.json"
HEAD = "probability"
"""Name of the layer that gives the raw scores."""
_KNOWN = {"tokens": "int32", "pieces": "int32", "table": "float32", "embedding": "float32"}
_BATCH = 256


@dataclass(frozen=True)
class Network:
    """A network on the inputs ``tokens``, ``pieces``, ``table`` and ``embedding``, or some of them.

    Attributes
    ----------
    model
        The Keras model. Its last layer, the head, has no activation: it gives raw scores, from which loss, temperature
        and probability are computed without loss of precision.
    tokenizer
        What makes the input ``pieces``, as the text of its JSON file.
    body
        Of one just built: the Keras model of the features below the head; None where there is no head apart.
    """

    model: Any
    tokenizer: str = ""
    body: Any = None

    family: ClassVar[Family] = "network"

    @classmethod
    def build(
        cls,
        architecture: Architecture,
        settings: Mapping[str, Scalar],
        inputs: Inputs,
        seed: int,
        width: int = 1,
        half: bool = False,
        aside: Collection[int] = (),
    ) -> Network:
        """Build an architecture with fresh weights and put a head of so many scores upon it.

        Equal seeds give equal weights. With `half`, layers compute in bfloat16 and keep their weights in float32.
        Scores `aside` are read off the features, which do not learn by them.

        Raises
        ------
        ScenarioError
            If a user's function fails, or returns something on which no head can stand.
        """
        import keras

        # Automatic names count on from the networks built before; the saved file is to be the same in every process.
        keras.utils.clear_session(free_memory=False)
        runtime.prepare(seed)
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16" if half else before)
        try:
            made = architecture.make(inputs, **settings)
        except (TypeError, ValueError) as error:
            raise ScenarioError(f"The architecture {architecture.name!r} could not be built: {error}") from error
        finally:
            keras.config.set_dtype_policy(before)
        built = made if isinstance(made, Built) else Built(made)
        model = _with_head(built.model, built.penalty, width, aside, architecture.name)
        apart = any(layer.name == HEAD for layer in model.layers)
        body = keras.Model(
            dict(zip((given.name for given in model.inputs), model.inputs, strict=True)), built.model.output
        )
        return cls(model, built.tokenizer, body if apart else None)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that it uses."""
        return tuple(given.name for given in self.model.inputs)

    @property
    def trims(self) -> bool:
        """Whether rows may be cut to the longest of their batch: its text has no fixed length."""
        return any(given.name in TEXT and given.shape[1] is None for given in self.model.inputs)

    @property
    def parameters(self) -> int:
        """Numbers that are learnt."""
        return int(sum(np.prod(variable.shape) for variable in self.model.trainable_variables))

    @property
    def signature(self) -> dict[str, Any]:
        """What TensorFlow is told about a batch, so that one compiled function serves every batch."""
        import tensorflow as tf

        return {
            given.name: tf.TensorSpec([None, *given.shape[1:]], _KNOWN[given.name], name=given.name)
            for given in self.model.inputs
        }

    def select(self, arrays: Arrays, rows: NDArray[np.int64], longest: int | None = None) -> Arrays:
        """Return some rows of each input; tokens cut to `longest` where the network allows it."""
        return {
            name: arrays[name][rows, :longest] if name in TEXT and self.trims else arrays[name][rows]
            for name in self.inputs
        }

    def raw(
        self,
        features: Features,
        frame: pd.DataFrame,
        cache: Path | None = None,
        progress: Callable[[str], object] | None = None,
    ) -> NDArray[np.float64]:
        """Return the raw scores of each row, float64 [n, W]; cache and progress are the sentence encoder's."""
        return self.forward(self.encode(features, frame, cache, progress))

    def encode(
        self,
        features: Features,
        frame: pd.DataFrame,
        cache: Path | None = None,
        progress: Callable[[str], object] | None = None,
    ) -> Arrays:
        """Return the arrays of its inputs; cache and progress are the sentence encoder's."""
        return encode(features, frame, self.inputs, cache, progress, self.tokenizer)

    def forward(self, arrays: Arrays) -> NDArray[np.float64]:
        """Return the raw scores of each row of its inputs, float64 [n, W]."""
        rows = len(arrays[self.inputs[0]])
        result = np.empty((rows, self.model.outputs[0].shape[1]))
        for batch, longest in by_length(arrays, np.arange(rows), _BATCH):
            result[batch] = self._answer(self.select(arrays, batch, longest)).numpy()
        return result

    def save(self, folder: Path) -> None:
        """Write ``network.keras``."""
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / FILE, self._write)
        if self.tokenizer:
            write_atomically(folder / TOKENIZER, lambda file: file.write_text(self.tokenizer, encoding="utf-8"))

    @classmethod
    def load(cls, folder: Path) -> Network:
        """Return what `save` wrote; a user's module has to be imported before, for its own layers."""
        runtime.prepare()
        import keras

        import loopbook.models.dropout  # layers are known by being imported

        tokenizer = folder / TOKENIZER
        if tokenizer.is_file():
            import keras_hub  # noqa: F401

            import loopbook.models.encoders.adaptations  # noqa: F401
        return cls(
            keras.saving.load_model(folder / FILE, compile=False),
            tokenizer.read_text(encoding="utf-8") if tokenizer.is_file() else "",
        )

    def _write(self, file: Path) -> None:
        """Write the model as Keras does, but the same bytes for the same network.

        Keras notes the date, and numbers shared objects by their address in memory.
        """
        self.model.save(file)
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in sorted(archive.namelist())}
        parts["config.json"] = json.dumps(_numbered(json.loads(parts["config.json"]), {})).encode()
        metadata = {**json.loads(parts["metadata.json"]), "date_saved": ""}
        parts["metadata.json"] = json.dumps(metadata).encode()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in parts.items():
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)

    @cached_property
    def _answer(self) -> Any:
        import tensorflow as tf

        from loopbook.models.training.block_lstm import in_one_operation
        from loopbook.models.training.one_trace import traced_once

        @tf.function(input_signature=[self.signature], autograph=False)  # type: ignore[untyped-decorator]
        def answer(batch: dict[str, Any]) -> Any:
            with in_one_operation(self.model), traced_once(self.model, training=False):
                return self.model(batch, training=False)

        return answer


def by_length(arrays: Arrays, rows: NDArray[np.int64], batch: int) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Give `rows` in batches, rows of like length together, with the longest row's number of tokens."""
    read = text(arrays)
    long = np.zeros(len(rows), np.int64) if read is None else lengths(read[rows])
    order = np.argsort(long, kind="stable")
    for start in range(0, len(rows), batch):
        part = order[start : start + batch]
        yield rows[part], int(long[part[-1]])


def _numbered(config: Any, seen: dict[int, int]) -> Any:
    """Return a configuration whose shared objects are numbered in the order in which they occur."""
    if isinstance(config, list):
        return [_numbered(item, seen) for item in config]
    if isinstance(config, dict):
        return {
            key: seen.setdefault(item, len(seen)) if key == "shared_object_id" else _numbered(item, seen)
            for key, item in config.items()
        }
    return config


def _with_head(model: Any, penalty: float, width: int, aside: Collection[int], architecture: str) -> Any:
    """Return a model with a head of `width` raw scores upon its features; one that ends in a logit is its own head."""
    import keras

    named = f"The architecture {architecture!r}"
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise ScenarioError(f"{named} must return a keras.Model made of its inputs: keras.Model(inputs, features).")
    for given in model.inputs:
        wanted = _KNOWN.get(given.name)
        refuse(
            ScenarioError,
            (
                wanted is None,
                f"{named} uses an input {given.name!r}; it may use inputs.tokens(), inputs.table(), "
                "inputs.pieces(), inputs.embedding().",
            ),
            (given.dtype != wanted, f"{named} takes {given.name} as {given.dtype}; it is {wanted}."),
        )
    shapes = [tuple(out.shape) for out in model.outputs]
    last = model.outputs[0]._keras_history.operation
    activation = getattr(last, "activation", None)
    one, several = keras.activations.sigmoid, keras.activations.softmax
    refuse(
        ScenarioError,
        (
            len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][1] is None,
            f"{named} must have one output of shape (rows, features), not {shapes}.",
        ),
        (
            activation is several or (activation is one and shapes[0] == (None, 1) and width > 1),
            f"{named} ends in probabilities, but this task takes {width} scores. Return what comes before the layer "
            f"{last.name!r}: the last layer is put upon it.",
        ),
    )
    scores = model.outputs[0]
    if width == 1 and shapes == [(None, 1)] and activation in (one, keras.activations.linear):
        last.activation = keras.activations.linear
    else:
        regularizer = keras.regularizers.L2(penalty / width) if penalty else None
        head, features = keras.layers.Dense(width, kernel_regularizer=regularizer, name=HEAD), scores
        scores = head(features)
        if aside:
            apart = head(keras.ops.stop_gradient(features))
            scores = keras.ops.where([at in aside for at in range(width)], apart, scores)
    # One structure for all: batches are given by the inputs' names.
    return keras.Model({given.name: given for given in model.inputs}, scores, name=model.name)
