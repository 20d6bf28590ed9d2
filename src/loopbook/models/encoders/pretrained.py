"""A pretrained encoder that can be tuned: a BERT of keras-hub with its weights and its tokenizer, by name."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loopbook.models.encoders import sentence_encoder
from loopbook.scenario.errors import ScenarioError, refuse

MINILM = "minilm"
"""all-MiniLM-L6-v2, which comes with Loopbook; every other name is a preset of keras-hub."""

_ONLY = "only a BERT's layers are tuned here"
_DENSE = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attention_output",
    "intermediate.dense": "feedforward_intermediate_dense",
    "output.dense": "feedforward_output_dense",
}
_NORMS = {"attention.output.LayerNorm": "self_attention_layer_norm", "output.LayerNorm": "feedforward_layer_norm"}


@dataclass(frozen=True)
class Pretrained:
    """An encoder with pretrained weights.

    Attributes
    ----------
    backbone
        A `keras_hub.models.BertBackbone`, whose layers are composed anew.
    tokenizer
        Of its word pieces, as the text of a tokenizer.json.
    """

    backbone: Any
    tokenizer: str

    @property
    def layers(self) -> list[Any]:
        """The Transformer layers, from the input on."""
        return list(self.backbone.transformer_layers)

    @property
    def embeddings(self) -> list[Any]:
        """The layers before them that have weights."""
        own = self.backbone
        return [own.token_embedding, own.position_embedding, own.segment_embedding, own.embeddings_layer_norm]

    def embed(self, pieces: Any) -> Any:
        """Return the embedding of each word piece, float32 [n, pieces, width], before the first layer."""
        import keras

        own = self.backbone
        words = own.token_embedding(pieces)
        segments = own.segment_embedding(keras.ops.zeros_like(pieces))
        summed = own.embeddings_add((words, own.position_embedding(words), segments))
        return own.embeddings_dropout(own.embeddings_layer_norm(summed))


def ready(preset: str) -> None:
    """Check what can be known of a preset before anything runs: of a folder all but its weights, else its package.

    Raises
    ------
    ScenarioError
        If a folder is not named by its whole path, is not there, or holds no BERT.
    """
    if preset == MINILM:
        sentence_encoder.folder()
    if "/" not in preset or "://" in preset:
        return
    try:
        told = json.loads((Path(preset) / "config.json").read_text(encoding="utf-8"))
        kind = str(told.get("class_name") or told.get("model_type"))
    except (OSError, ValueError, AttributeError) as error:
        raise ScenarioError(f"The preset {preset!r} cannot be loaded: {error}") from error
    refuse(
        ScenarioError,
        (not Path(preset).is_absolute(), f"The preset {preset!r} is a folder: name it by its whole path, from / on."),
        (kind.lower() not in ("bert", "bertbackbone"), f"The preset {preset!r} is a {kind}; {_ONLY}."),
    )


def load(preset: str, dropout: float) -> Pretrained:
    """Return an encoder.

    Parameters
    ----------
    preset
        ``minilm``, or what `keras_hub.models.Backbone.from_preset` takes: the name of a preset on Kaggle, ``hf://`` and
        a repository, or a folder. Those are downloaded if they are not on this machine.
    dropout
        Share of each layer's numbers that is hidden in each training step.

    Raises
    ------
    ScenarioError
        If there is none, if it is no BERT, or if it has no word pieces that we can read.
    """
    import keras_hub

    from loopbook.models.dropout import inside

    if preset == MINILM:
        return _minilm(dropout)
    try:
        with _blank():
            backbone = keras_hub.models.Backbone.from_preset(preset, dropout=dropout)
    except (OSError, ValueError) as error:
        raise ScenarioError(f"The preset {preset!r} cannot be loaded: {error}") from error
    if not isinstance(backbone, keras_hub.models.BertBackbone):
        raise ScenarioError(f"The preset {preset!r} is a {type(backbone).__name__}; {_ONLY}.")
    return Pretrained(inside(backbone), _tokenizer(preset))


def weights(layers: Sequence[Any], embeddings: Sequence[Any]) -> dict[str, Any]:
    """Return weights by their names in files of transformers, as `sentence_encoder.add_to` takes them.

    Parameters
    ----------
    layers, embeddings
        As of `Pretrained`; LoRA's factors are multiplied out.
    """
    words, places, segments, norm = embeddings
    found = {
        "embeddings.word_embeddings.weight": words.embeddings,
        "embeddings.position_embeddings.weight": places.position_embeddings,
        "embeddings.token_type_embeddings.weight": segments.embeddings,
        "embeddings.LayerNorm.weight": norm.gamma,
        "embeddings.LayerNorm.bias": norm.beta,
    }
    for at, layer in enumerate(layers):
        parts = _parts(layer)
        for name, part in _DENSE.items():
            width = parts[part].bias.shape
            kernel = np.asarray(parts[part].kernel)
            inward = int(np.prod(kernel.shape)) // int(np.prod(width))
            found[f"encoder.layer.{at}.{name}.weight"] = kernel.reshape(inward, -1).T
            found[f"encoder.layer.{at}.{name}.bias"] = np.asarray(parts[part].bias).reshape(-1)
        for name, part in _NORMS.items():
            found[f"encoder.layer.{at}.{name}.weight"] = parts[part].gamma
            found[f"encoder.layer.{at}.{name}.bias"] = parts[part].beta
    return {name: np.asarray(value, dtype=np.float32) for name, value in found.items()}


def dense(layer: Any) -> list[Any]:
    """Return the dense layers inside a Transformer layer: those of its attention and of its feed-forward network."""
    parts = _parts(layer)
    return [parts[name] for name in _DENSE.values()]


def _parts(layer: Any) -> dict[str, Any]:
    """Return the layers with weights inside a Transformer layer, by name."""
    return {part.name: part for part in layer._flatten_layers(include_self=False)}


@contextmanager
def _blank() -> Iterator[None]:
    """Let a BERT that is built within begin with zeros: to draw weights that others replace takes half of building."""
    import keras
    from keras_hub.src.models.bert import bert_backbone

    drawn, bert_backbone.bert_kernel_initializer = bert_backbone.bert_kernel_initializer, keras.initializers.Zeros
    try:
        yield
    finally:
        bert_backbone.bert_kernel_initializer = drawn


def _minilm(dropout: float) -> Pretrained:
    import keras
    import keras_hub

    from loopbook.models.dropout import inside

    width = sentence_encoder.WIDTH
    with _blank():
        backbone = keras_hub.models.BertBackbone(
            vocabulary_size=30_522,
            num_layers=sentence_encoder.LAYERS,
            num_heads=sentence_encoder.HEADS,
            hidden_dim=width,
            intermediate_dim=4 * width,
            dropout=dropout,
        )
    own = Pretrained(inside(backbone), (sentence_encoder.folder() / "tokenizer.json").read_text(encoding="utf-8"))
    known = sentence_encoder.weights()
    for embedding, name in zip(own.embeddings, ("word", "position", "token_type"), strict=False):
        embedding.set_weights([known[f"embeddings.{name}_embeddings.weight"]])
    own.embeddings[-1].set_weights([known[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias")])
    for at, layer in enumerate(own.layers):
        parts = _parts(layer)
        for name, part in _DENSE.items():
            kernel, bias = (known[f"encoder.layer.{at}.{name}.{what}"] for what in ("weight", "bias"))
            shapes = [variable.shape for variable in parts[part].weights]
            parts[part].set_weights([kernel.T.reshape(shapes[0]), bias.reshape(shapes[1])])
        for name, part in _NORMS.items():
            parts[part].set_weights([known[f"encoder.layer.{at}.{name}.{what}"] for what in ("weight", "bias")])
        # keras-hub's BERT takes an approximation; these weights were trained with the exact function.
        layer.activation = parts["feedforward_intermediate_dense"].activation = keras.activations.gelu
    return own


def _tokenizer(preset: str) -> str:
    """Return the tokenizer of a preset: its tokenizer.json, or one made of its vocabulary of word pieces."""
    from keras_hub.src.utils.preset_utils import get_file  # the public way needs tensorflow-text
    from tokenizers import BertWordPieceTokenizer

    for name in ("tokenizer.json", "assets/tokenizer/vocabulary.txt"):
        try:
            file = Path(get_file(preset, name))
        except (OSError, ValueError):
            continue
        if file.is_file():
            made = file.read_text(encoding="utf-8")
            return made if name.endswith("json") else str(BertWordPieceTokenizer(str(file)).to_str())
    raise ScenarioError(f"The preset {preset!r} has neither tokenizer.json nor assets/tokenizer/vocabulary.txt.")
