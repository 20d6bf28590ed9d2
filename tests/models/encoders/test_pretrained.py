from pathlib import Path

import numpy as np
import pytest

from loopbook.models.architecture import Inputs
from loopbook.models.architectures import registry
from loopbook.models.encoders import pretrained, sentence_encoder
from loopbook.models.network import Network
from loopbook.models.training import runtime
from loopbook.scenario.errors import ScenarioError

TEXTS = ["The bank refused my card.", "Hello", "A much longer sentence, which has more word pieces than the others."]


def test_minilm_in_keras_says_what_the_frozen_encoder_says() -> None:
    network = Network.build(registry.find("encoder"), {"adaptation": "frozen"}, Inputs(9, 9, 0), 1, 2)
    made = sentence_encoder.tokenizer(network.tokenizer)
    pieces = sentence_encoder.pad(sentence_encoder.pieces(TEXTS, made)).astype(np.int32)
    kernel, bias = network.model.get_layer("probability").get_weights()
    expected = sentence_encoder.embed(TEXTS) * sentence_encoder.WIDTH**0.5 @ kernel + bias
    assert network.forward({"pieces": pieces}) == pytest.approx(expected, abs=1e-4)
    assert network.parameters == kernel.size + bias.size


@pytest.mark.parametrize("name", ["nowhere-at-all", "./not-there", "/not/there", ""])
def test_a_preset_that_is_not_there_is_named(name: str) -> None:
    runtime.prepare()
    with pytest.raises(ScenarioError, match="cannot be loaded"):
        pretrained.load(name, 0.1)


def test_a_preset_without_word_pieces_is_refused(tiny_bert: str, tmp_path: Path) -> None:
    vocabulary = Path(tiny_bert) / "assets" / "tokenizer" / "vocabulary.txt"
    vocabulary.rename(tmp_path / "kept.txt")
    try:
        with pytest.raises(ScenarioError, match="has neither tokenizer"):
            pretrained.load(tiny_bert, 0.1)
    finally:
        (tmp_path / "kept.txt").rename(vocabulary)


def test_an_encoder_that_is_no_bert_is_refused(tmp_path: Path) -> None:
    runtime.prepare()
    import keras_hub

    sizes = {"vocabulary_size": 9, "num_layers": 1, "num_heads": 1, "hidden_dim": 4, "intermediate_dim": 4}
    keras_hub.models.DistilBertBackbone(**sizes).save_to_preset(tmp_path / "other")
    with pytest.raises(ScenarioError, match="DistilBertBackbone; only a BERT"):
        pretrained.load(str(tmp_path / "other"), 0.1)
