from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem, frame, goals, heads_of

from loopbook.models import heads
from loopbook.models.architecture import Inputs
from loopbook.models.architectures import registry
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.models.shipping import onnx_export
from loopbook.models.shipping.bundle import OnnxModel
from loopbook.models.trees import Trees
from loopbook.scenario.errors import LoopbookError
from loopbook.store import content


def model_of(problem: Problem, architecture: str) -> Model:
    """Return a model with an answer of its own for every row; it need not be trained to be exported."""
    kind = registry.find(architecture)
    if kind.family == "plain":
        predictor = kind.make(problem.features, problem.train, goals(problem))
    else:
        predictor = Network.build(kind, {}, Inputs.of(problem.features), 1, heads.width(heads_of(problem)))
        random = np.random.default_rng(0)
        predictor.model.set_weights([random.normal(0, 0.4, each.shape) for each in predictor.model.get_weights()])
    (head,) = heads_of(problem)
    moved = head.model_copy(update={"temperature": 1.7, "offset": (0.3,)})
    return Model(architecture, problem.features, predictor, (moved,))


def rows() -> pd.DataFrame:
    """Return 500 rows of all lengths, an empty one, a longer one than the network reads, and unknown words."""
    made = frame(500, 6, table=True)
    made.loc[0, "text"], made.loc[1, "text"], made.loc[2, "text"] = "", "profit " * 50, "zyx wvu"
    return made


@pytest.mark.parametrize("architecture", ["majority", "word_list", "tfidf", "bag", "cnn", "lstm", "bilstm"])
@pytest.mark.parametrize("kind", ["text", "mixed"])
def test_the_export_gives_the_same_probabilities(
    architecture: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model = model_of(request.getfixturevalue(kind), architecture)
    onnx_export.export(model, tmp_path)
    # Single precision: with these weights the convolution alone differs by 1.2e-6 on some processors.
    assert onnx_export.check(model, tmp_path, rows()) <= 2e-6
    if architecture != "majority":
        assert np.ptp(model.probabilities(rows())[:, 1]) > 0.1


@pytest.mark.parametrize("architecture", ["mlp", "table_logistic", "boosted_trees"])
def test_tables_are_exported(architecture: str, cells: Problem, tmp_path: Path) -> None:
    model = model_of(cells, architecture)
    onnx_export.export(model, tmp_path)
    assert onnx_export.check(model, tmp_path, cells.train) <= 1e-6
    assert np.ptp(model.probabilities(cells.train)[:, 1]) > 0.1


def test_a_normalised_network_is_exported(cells: Problem, tmp_path: Path) -> None:
    network = Network.build(registry.find("mlp"), {"normalise": True, "units": 8}, Inputs.of(cells.features), 1)
    model = Model("mlp", cells.features, network, heads_of(cells))
    onnx_export.export(model, tmp_path)
    assert onnx_export.check(model, tmp_path, cells.train) <= 1e-5


def test_other_trees_have_another_digest(cells: Problem, tmp_path: Path) -> None:
    model = model_of(cells, "boosted_trees")
    trees = model.predictor
    assert isinstance(trees, Trees)
    onnx_export.export(model, tmp_path / "one")
    changed = dataclasses.replace(model, predictor=dataclasses.replace(trees, value=trees.value * 2))
    onnx_export.export(changed, tmp_path / "two")
    digests = {content.digest(tmp_path / name / "model.onnx") for name in ("one", "two")}
    assert len(digests) == 2


@pytest.mark.parametrize("kind", ["text", "mixed"])
def test_the_sentence_encoder_and_its_head_become_one_graph(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model = model_of(request.getfixturevalue(kind), "minilm")
    onnx_export.export(model, tmp_path)
    assert onnx_export.check(model, tmp_path, rows().head(40)) <= 1e-5
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("config.json", "features.json", "model.onnx", "tokenizer.json")
    ]


def test_one_row_gets_the_same_answer_as_among_many(text: Problem, tmp_path: Path) -> None:
    onnx_export.export(model_of(text, "lstm"), tmp_path)
    exported = OnnxModel.load(tmp_path)
    together = exported.probabilities(rows().head(20))
    alone = [exported.probabilities(rows().iloc[[at]])[0] for at in range(20)]
    assert np.array(alone) == pytest.approx(together, abs=1e-6)
    assert exported.probabilities(rows().head(0)).shape == (0, 2)


def test_an_export_has_the_same_content_each_time(text: Problem, tmp_path: Path) -> None:
    model = model_of(text, "lstm")
    onnx_export.export(model, tmp_path / "one")
    Network.build(
        registry.find("cnn"), {}, Inputs.of(text.features), 1
    )  # what else was built in the process does not count
    onnx_export.export(model, tmp_path / "two")
    assert content.digest(tmp_path / "one") == content.digest(tmp_path / "two")


def test_a_shipped_model_runs_without_tensorflow(text: Problem, tmp_path: Path) -> None:
    model = model_of(text, "lstm")
    onnx_export.export(model, tmp_path / "lstm")
    onnx_export.export(model_of(text, "tfidf"), tmp_path / "tfidf")
    code = (
        "import sys, pandas as pd; from pathlib import Path; from loopbook.models.shipping.bundle import OnnxModel;"
        "f = pd.DataFrame({'text': ['fraud and loss', 'not a record profit']});"
        f"print(*OnnxModel.load(Path({str(tmp_path / 'lstm')!r})).probabilities(f)[:, 1],"
        f" *OnnxModel.load(Path({str(tmp_path / 'tfidf')!r})).probabilities(f)[:, 1],"
        " [m for m in ('tensorflow', 'keras', 'sklearn', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *numbers, loaded = done.stdout.split()
    assert loaded == "[]"
    expected = model.probabilities(pd.DataFrame({"text": ["fraud and loss", "not a record profit"]}))[:, 1]
    assert [float(number) for number in numbers[:2]] == pytest.approx(expected, abs=1e-6)


def test_an_export_that_answers_otherwise_is_not_shipped(text: Problem, tmp_path: Path) -> None:
    model = model_of(text, "tfidf")
    onnx_export.export(model, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (head,) = config["outputs"]
    (tmp_path / "config.json").write_text(json.dumps({**config, "outputs": [{**head, "temperature": 1.71}]}))
    with pytest.raises(LoopbookError, match="Do not ship it"):
        onnx_export.check(model, tmp_path, rows())


def test_an_unfinished_or_foreign_export_is_named(text: Problem, tmp_path: Path) -> None:
    with pytest.raises(LoopbookError, match="holds no exported model"):
        OnnxModel.load(tmp_path)
    onnx_export.export(model_of(text, "majority"), tmp_path)
    (tmp_path / "config.json").write_text('{"format": 0}')
    with pytest.raises(LoopbookError, match="Export the model again"):
        OnnxModel.load(tmp_path)
