import hashlib
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from loopbook.models.architecture import Inputs
from loopbook.models.architectures import registry
from loopbook.models.encoders import pretrained, sentence_encoder
from loopbook.models.network import Network
from loopbook.models.training import runtime
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.task import Binary, YesNo

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


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "cannot be loaded: .*No such file"),
        ("{", "cannot be loaded"),
        ("[]", "cannot be loaded"),
        ('{"class_name": "DistilBertBackbone"}', "is a DistilBertBackbone; only a BERT"),
        ('{"model_type": "roberta"}', "is a roberta; only a BERT"),
    ],
)
def test_a_folder_is_looked_at_before_anything_runs(config: str | None, message: str, tmp_path: Path) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config, encoding="utf-8")
    task = Binary(fields={"text": "text"}, label=YesNo(column="y", positive=(1,)))
    with pytest.raises(ScenarioError, match=message):
        registry.check(Candidate(architecture="encoder", settings={"preset": str(tmp_path)}), task)


def test_a_folder_that_fits_is_taken_by_its_whole_path(tiny_bert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretrained.ready(tiny_bert)
    pretrained.ready("bert_tiny_en_uncased")
    pretrained.ready("hf://somebody/some-bert")
    monkeypatch.chdir(Path(tiny_bert).parent)
    with pytest.raises(ScenarioError, match=r"'\./tiny' is a folder: name it by its whole path"):
        pretrained.ready("./tiny")


class Hub(BaseHTTPRequestHandler):
    """The part of a model hub by which a repository's files are fetched."""

    folder = Path()

    def do_HEAD(self) -> None:
        self._answer(send=False)

    def do_GET(self) -> None:
        self._answer(send=True)

    def log_message(self, *given: object) -> None:
        """Say nothing."""

    def _answer(self, send: bool) -> None:
        _, found, name = self.path.partition("/someone/tiny/resolve/main/")
        file = self.folder / name
        there = bool(found) and file.is_file()
        self.send_response(200 if there else 404)
        content = file.read_bytes() if there else b""
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", "0" * 40)
        if there:
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()
        if send:
            self.wfile.write(content)


def test_a_preset_is_fetched_from_a_hub(tiny_bert: str, tmp_path: Path) -> None:
    hub = ThreadingHTTPServer(("127.0.0.1", 0), type("Tiny", (Hub,), {"folder": Path(tiny_bert)}))
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    script = (
        "from loopbook.models.training import runtime; runtime.prepare()\n"
        "from loopbook.models.encoders import pretrained\n"
        "own = pretrained.load('hf://someone/tiny', 0.1)\n"
        "print(len(own.layers), 'WordPiece' in own.tokenizer)"
    )
    environment = {**os.environ, "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    hub.shutdown()
    assert done.stdout.split() == ["2", "True"], done.stderr[-2_000:]
