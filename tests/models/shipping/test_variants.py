"""Each variant of a model is a bundle like the export itself: it answers nearly the same, and costs what is said."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tests.models.conftest import Problem, settings
from tests.models.shipping.test_onnx_export import model_of, rows
from tests.models.training.test_fitting import fit

from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.models.shipping import onnx_export, serving, variants
from loopbook.models.shipping.bundle import MODEL, OnnxModel
from loopbook.models.shipping.onnx_graph import Graph
from loopbook.models.shipping.variants import FLOAT32, VARIANTS, Source
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.small_models import Made, SmallModelsSettings
from loopbook.statistics import metrics
from loopbook.store import content


def source(problem: Problem, model: Model, folder: Path, **chosen: object) -> Source:
    """Return what variants are made of, with the model exported."""
    onnx_export.export(model, folder)
    data = TrainingData(problem.train, problem.validation, problem.features, problem.task)
    return Source(model, folder, Method.of(model, settings(epochs=12)), data, SmallModelsSettings(**chosen))  # type: ignore[arg-type]


def test_a_scenario_may_name_what_the_registry_has() -> None:
    assert {FLOAT32, *get_args(Made)} == set(VARIANTS)
    assert {name for each in VARIANTS.values() for name in each.uses} <= set(SmallModelsSettings.model_fields)


@pytest.mark.parametrize("architecture", ["cnn", "bag", "lstm"])
def test_int8_answers_nearly_the_same_and_a_row_alone_as_among_many(
    architecture: str, text: Problem, tmp_path: Path
) -> None:
    made = source(text, model_of(text, architecture), tmp_path / "whole")
    variants.int8(made, tmp_path / "int8")
    before, after = (OnnxModel.load(tmp_path / name).probabilities(rows()) for name in ("whole", "int8"))
    assert 0 < np.abs(before - after).max() < 0.1
    alone = [OnnxModel.load(tmp_path / "int8").probabilities(rows().iloc[[at]])[0] for at in range(20)]
    assert np.array(alone) == pytest.approx(after[:20], abs=1e-6)
    graph = onnx.load(tmp_path / "int8" / MODEL).graph
    assert {each.data_type for each in graph.initializer} & {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}
    assert content.size(tmp_path / "int8" / MODEL) < content.size(tmp_path / "whole" / MODEL)


def test_columns_that_are_made_even_change_no_product_and_lose_less_in_8_bits(tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    random = np.random.default_rng(0)
    given = random.normal(size=(50, 32)).astype(np.float32)
    given[:, 3] *= 80  # what a layer of a pretrained encoder does to a column
    graph = Graph("g")
    state = graph.add("Neg", graph.input("x", np.float32, ["rows", 32]))
    both = [graph.add("MatMul", state, graph.constant(random.normal(size=(32, 8)).astype(np.float32))) for _ in "ab"]
    graph.output(graph.add("Add", *both), np.float32, ["rows", 8])
    plain, even = graph.model(), graph.model()
    variants._smoothed(even, [{"x": given[:25]}, {"x": given[25:]}])
    assert [node.op_type for node in even.graph.node] == ["Neg", "Mul", "MatMul", "MatMul", "Add"]
    answers, lost = [], []
    for name, model in (("plain", plain), ("even", even)):
        onnx.checker.check_model(model)
        answers.append(variants_session(model).run(None, {"x": given})[0])
        quantize_dynamic(model, tmp_path / name, ["MatMul"], per_channel=True, reduce_range=True)
        small = variants_session(onnx.load(tmp_path / name)).run(None, {"x": given})[0]
        lost.append(np.sqrt(((small - answers[0]) ** 2).mean()))
    assert answers[1] == pytest.approx(answers[0], abs=1e-3)
    assert lost[1] < lost[0] / 2


@pytest.mark.parametrize("shape", [(40, 50), (7, 300), (3, 11, 64)])
@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.99])
def test_pruned_weights_are_the_largest_and_stand_where_they_stood(shape: tuple[int, ...], sparsity: float) -> None:
    weights = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    constants, nodes = variants._sparse("w", weights, sparsity)
    out = onnx.helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, list(shape))
    graph = onnx.helper.make_graph(nodes, "g", [], [out], constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    (found,) = variants_session(model).run(None, {})
    kept = np.abs(weights) > np.quantile(np.abs(weights), sparsity)
    assert np.array_equal(found, np.where(kept, weights, 0))
    stored = sum(numpy_helper.to_array(each).nbytes for each in constants)
    assert stored < 5 * (kept.sum() + weights.size / 255 + 1) + 100


def variants_session(model: onnx.ModelProto) -> object:
    from loopbook.models.shipping.onnx_graph import session

    return session(model.SerializeToString())


def test_pruning_more_makes_the_file_smaller_and_the_answers_worse(text: Problem, tmp_path: Path) -> None:
    model = model_of(text, "bag")
    off, sizes = [], []
    for sparsity in (0.01, 0.5, 0.95):
        made = source(text, model, tmp_path / "whole", sparsity=sparsity)
        folder = tmp_path / str(sparsity)
        variants.pruned(made, folder)
        off.append(np.abs(OnnxModel.load(folder).raw(rows()) - model.raw(rows())).max())
        sizes.append(content.size(folder / MODEL))
    assert off == sorted(off) and off[0] < 0.1 < off[-1]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < 0.5 * content.size(tmp_path / "whole" / MODEL)


@pytest.mark.parametrize(("kind", "student"), [("text", "bag"), ("cells", "mlp")])
def test_a_student_learns_what_its_teacher_says(
    kind: str, student: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    problem = request.getfixturevalue(kind)
    teacher = model_of(problem, "tfidf" if kind == "text" else "boosted_trees")
    variants.distilled(source(problem, teacher, tmp_path / "whole", student=student), tmp_path / "small")
    taught, said = (
        serving.variant(tmp_path / name).probabilities(problem.validation)[:, 1] for name in ("whole", "small")
    )
    assert np.corrcoef(taught, said)[0, 1] > 0.6
    assert metrics.score("roc_auc", problem.validation["label"], said) > 0.65
    assert OnnxModel.load(tmp_path / "small").config["architecture"] == student


def test_the_same_student_comes_twice(cells: Problem, tmp_path: Path) -> None:
    made = source(cells, model_of(cells, "table_logistic"), tmp_path / "whole", student="mlp")
    for name in ("one", "two"):
        variants.distilled(made, tmp_path / name)
    assert content.digest(tmp_path / "one") == content.digest(tmp_path / "two")


def test_a_student_is_a_network(cells: Problem, tmp_path: Path) -> None:
    made = source(cells, model_of(cells, "table_logistic"), tmp_path / "whole", student="boosted_trees")
    with pytest.raises(LoopbookError, match="'boosted_trees' is none"):
        variants.distilled(made, tmp_path / "small")


def test_keras_quantises_what_keras_answers(text: Problem, tmp_path: Path) -> None:
    model = model_of(text, "bag")
    before = model.probabilities(rows())
    variants.keras_int8(source(text, model, tmp_path / "whole"), tmp_path / "keras")
    served = serving.variant(tmp_path / "keras")
    assert isinstance(served, Model)
    assert 0 < np.abs(served.probabilities(rows()) - before).max() < 0.1
    assert np.array_equal(model.probabilities(rows()), before), "the model itself stays as it was"
    assert isinstance(served.predictor, Network)
    assert "int8" in {each.dtype for each in served.predictor.model.weights}


@pytest.mark.parametrize(
    ("architecture", "lacks"),
    [
        ("tfidf", {"int8", "pruned", "dropped", "keras_int8"}),
        ("cnn", {"dropped"}),
        ("minilm", {"dropped", "keras_int8"}),
    ],
)
def test_a_model_lacks_the_variants_that_mean_nothing_to_it(architecture: str, lacks: set[str], text: Problem) -> None:
    model = model_of(text, architecture)
    assert {name for name, variant in VARIANTS.items() if variant.suits(model)} == lacks


def test_the_whole_sentence_encoder_in_8_bits_is_a_quarter_and_says_nearly_the_same(
    text: Problem, tmp_path: Path
) -> None:
    model = model_of(text, "minilm")
    made = source(text, model, tmp_path / "whole")
    variants.int8(made, tmp_path / "int8")
    assert content.size(tmp_path / "whole") > 3.5 * content.size(tmp_path / "int8")
    few = rows().head(40)
    off = np.abs(OnnxModel.load(tmp_path / "int8").raw(few) - OnnxModel.load(tmp_path / "whole").raw(few))
    assert off.max() < 0.3 * np.ptp(model.raw(few))


@pytest.mark.parametrize("adaptation", ["lora", "adapters", "full"])
def test_a_tuned_encoder_has_its_variants(adaptation: str, text: Problem, tiny_bert: str, tmp_path: Path) -> None:
    own = {"preset": tiny_bert, "adaptation": adaptation}
    model = fit(text, tmp_path / "fit", "encoder", own=own, epochs=4)
    made = source(text, model, tmp_path / "whole", layers=1)
    assert {name for name, variant in VARIANTS.items() if variant.suits(model)} == {"keras_int8"}
    before = OnnxModel.load(tmp_path / "whole").probabilities(rows())
    for name in ("int8", "dropped"):
        VARIANTS[name].make(made, tmp_path / name)
        after = serving.variant(tmp_path / name).probabilities(rows())
        assert after.shape == before.shape
        assert 0 < np.abs(after - before).max() < (1 if name == "dropped" else 0.1), name
    assert content.size(tmp_path / "dropped" / MODEL) < content.size(tmp_path / "whole" / MODEL)
