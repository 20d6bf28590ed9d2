"""Variants of a fitted model that are smaller or faster, by name; each is loaded as what was exported is.

Figures of whether one is worth it belong to the task: `choice.small_models` measures what it loses, and
`decisions.footprint` what it costs to run.
"""

import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopbook.models.architectures import registry
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.models.shipping import distillation, onnx_export
from loopbook.models.shipping.bundle import CONFIG, MODEL, OnnxModel
from loopbook.models.shipping.onnx_graph import session
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.small_models import SmallModelsSettings
from loopbook.store import content

FLOAT32 = "float32"
FAMILY = "made small"
_LEAST = 1_024  # numbers that a matrix must have so that pruning it is worth a node
_CALIBRATED = 64  # rows of train by which the columns of inputs are known
_SHARE = 0.75  # of the difference between columns that moves from the inputs of a product into its weights
_FURTHEST = 255  # positions from one stored number to the next, which fit a byte


@dataclass(frozen=True)
class Source:
    """What variants are made of.

    Attributes
    ----------
    bundle
        Folder of the model's ONNX export.
    method, data
        How and on what the model was fitted; what is trained anew, is so by them.
    cache, progress
        As of `fitting.fit`.
    """

    model: Model
    bundle: Path
    method: Method
    data: TrainingData
    settings: SmallModelsSettings
    cache: Path | None = None
    progress: Callable[[str], object] = lambda _: None


@dataclass(frozen=True)
class Variant:
    """How a variant is made.

    Attributes
    ----------
    make
        Fills a folder with a bundle, or with a model that Keras answers.
    what
        What is changed, in words.
    suits
        Says why a model has no such variant; empty if it has.
    uses
        The settings that it depends on.
    trained
        Whether it depends on the rows too, by which it is fitted anew or calibrated.
    """

    make: Callable[[Source, Path], None]
    what: str
    suits: Callable[[Model], str]
    uses: frozenset[str] = frozenset()
    trained: bool = False
    family: str = FAMILY


def int8(source: Source, folder: Path) -> None:
    """Quantise matrix products and embeddings to int8: a scale a column or a word, inputs of products as they come.

    Of a weight seven bits are used, so that no processor's sums overflow and all give the same answers. Inputs are
    scaled by the largest of a batch, so rows are answered one by one: an answer must not depend on the rows beside it.
    Before, an encoder's columns that are far larger than the others, by the first rows of train, are made even.

    References
    ----------
    Zafrir et al. (2019), Q8BERT; Jacob et al. (2018), quantization for integer-arithmetic-only inference; Xiao et al.
    (2023), SmoothQuant.
    """
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    _copied(source, folder)
    model = onnx.load(source.bundle / MODEL)
    shipped = OnnxModel.load(source.bundle)
    if "pieces" in shipped.config["inputs"]:
        _smoothed(model, [given for _, given in shipped.fed(source.data.train.head(_CALIBRATED))])
    # It advises to infer shapes first, which the graphs here do not need.
    model.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    _embeddings_to_int8(model.graph)
    quantize_dynamic(model, folder / MODEL, ["MatMul"], per_channel=True, reduce_range=True)
    config = folder / f"{CONFIG}.json"
    content.write_json(config, {**content.read_json(config), "batch": 1})


def pruned(source: Source, folder: Path) -> None:
    """Set the smallest weights of each matrix to 0 and store the others, each with its distance from the one before.

    A number costs 5 bytes instead of 4, so the file shrinks as soon as a fifth is pruned. The session unfolds it when
    it is loaded: neither time nor memory is saved.

    References
    ----------
    Han, Mao & Dally (2016), Deep compression: magnitude pruning and relative indices.
    """
    import onnx

    _copied(source, folder)
    model = onnx.load(source.bundle / MODEL)
    graph, unfolding = model.graph, list[Any]()
    for tensor in list(graph.initializer):
        weights = onnx.numpy_helper.to_array(tensor)
        if weights.dtype == np.float32 and weights.ndim > 1 and weights.size >= _LEAST:
            graph.initializer.remove(tensor)
            constants, nodes = _sparse(tensor.name, weights, source.settings.sparsity)
            graph.initializer.extend(constants)
            unfolding += nodes
    nodes = [*unfolding, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    (folder / MODEL).write_bytes(model.SerializeToString(deterministic=True))


def dropped(source: Source, folder: Path) -> None:
    """Keep the lower layers of the pretrained encoder alone and train again what the champion had trained.

    References
    ----------
    Sajjad et al. (2023), On the effect of dropping layers of pre-trained transformer models: the top ones.
    """
    settings = {**source.model.settings, "layers": source.settings.layers}
    candidate = Candidate(architecture=source.model.architecture, settings=settings)
    with tempfile.TemporaryDirectory() as work:
        method = source.method._replace(candidate=candidate)
        fitting.fit(method, source.data, Path(work), source.progress, source.cache)
        onnx_export.export(Model.load(Path(work) / fitting.MODEL), folder)


def distilled(source: Source, folder: Path) -> None:
    """Train a small network to say what the model says."""
    student = source.settings.student or ("cnn" if source.data.task.text_fields else "mlp")
    onnx_export.export(
        distillation.distilled(source.model, student, source.method.recipe, source.data, source.cache, source.progress),
        folder,
    )


def keras_int8(source: Source, folder: Path) -> None:
    """Quantise the layers by Keras itself; the answers are Keras' own, since no export knows such layers."""
    import keras

    network = source.model.predictor
    assert isinstance(network, Network)
    twin = keras.models.clone_model(network.model)
    twin.set_weights(network.model.get_weights())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Layer .* does not have a `quantize` method")
        twin.quantize("int8")
    replace(source.model, predictor=replace(network, model=twin)).save(folder)


def _network(model: Model) -> str:
    no = {"network": "", "plain": "it is no network", "ensemble": "it is no network, but several models"}
    return no[model.family]


def _encoder(model: Model) -> str:
    known = registry.described(model.architecture).settings
    has = isinstance(model.predictor, Network) and {"pieces", "embedding"} & set(model.predictor.inputs)
    return "" if has and "layers" in known else "it has no pretrained encoder whose layers could be dropped"


def _whole(model: Model) -> str:
    if isinstance(model.predictor, Network) and "embedding" in model.predictor.inputs:
        return "its encoder is no Keras model"
    if isinstance(model.predictor, Network) and "pieces" in model.predictor.inputs:
        return "Keras cannot load the layers of its encoder again in 8 bits"
    return _network(model)


VARIANTS: Mapping[str, Variant] = {
    FLOAT32: Variant(
        lambda source, folder: _copied(source, folder),
        "as exported to ONNX Runtime; adapters of low rank are merged into it",
        lambda _: "",
    ),
    "int8": Variant(int8, "matrix products and embeddings in 8 bits", _network, trained=True),
    "pruned": Variant(
        pruned, "the smallest weights set to 0, the others stored sparsely", _network, frozenset({"sparsity"})
    ),
    "dropped": Variant(
        dropped, "the lower layers of the encoder alone, trained again", _encoder, frozenset({"layers"}), trained=True
    ),
    "distilled": Variant(
        distilled, "a small network that has learned the answers", lambda _: "", frozenset({"student"}), trained=True
    ),
    "keras_int8": Variant(keras_int8, "layers in 8 bits, answered by Keras", _whole),
}
"""By the name that a scenario gives them."""


def _copied(source: Source, folder: Path) -> None:
    shutil.copytree(source.bundle, folder, dirs_exist_ok=True)


def _smoothed(model: Any, fed: Sequence[Mapping[str, NDArray[Any]]]) -> None:
    """Divide each column of a product's input by a scale and multiply the weights' row by it: the product is the same.

    Eight bits are spread over the whole input, and a few columns that are far larger than the others would take most.
    """
    import onnx
    from onnx import helper, numpy_helper

    graph = model.graph
    tables = {tensor.name: tensor for tensor in graph.initializer if len(tensor.dims) == 2}
    made = {name for node in graph.node for name in node.output}
    products: dict[str, list[Any]] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in tables and node.input[0] in made:
            products.setdefault(node.input[0], []).append(node)
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    known = {out.name for out in graph.output}
    probe.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in products if name not in known)
    run, largest = session(probe.SerializeToString()), dict.fromkeys(products, 0.0)
    for given in fed:
        for name, value in zip(products, run.run(list(products), dict(given)), strict=True):
            largest[name] = np.maximum(largest[name], np.abs(value).reshape(-1, value.shape[-1]).max(axis=0))
    replaced = {node.input[1] for same in products.values() for node in same}
    for name, same in products.items():
        weights = [numpy_helper.to_array(tables[node.input[1]]) for node in same]
        rows = np.max([np.abs(weight).max(axis=1) for weight in weights], axis=0)
        scale = np.maximum(largest[name], 1e-5) ** _SHARE / np.maximum(rows, 1e-5) ** (1 - _SHARE)
        graph.initializer.append(numpy_helper.from_array((1 / scale).astype(np.float32), f"{name}/scale"))
        for node, weight in zip(same, weights, strict=True):
            even = numpy_helper.from_array((weight * scale[:, None]).astype(np.float32), f"{node.output[0]}/even")
            graph.initializer.append(even)
            node.input[0], node.input[1] = f"{name}/even", even.name
    nodes = list[Any]()
    for node in graph.node:
        name = node.input[0].removesuffix("/even") if node.input else ""
        if node.op_type == "MatMul" and name in products:
            del products[name]  # the others share it
            nodes.append(helper.make_node("Mul", [name, f"{name}/scale"], [f"{name}/even"]))
        nodes.append(node)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used or tensor.name not in replaced]
    for repeated, values in ((graph.node, nodes), (graph.initializer, kept)):
        del repeated[:]
        repeated.extend(values)


def _embeddings_to_int8(graph: Any) -> None:
    """Replace what is looked up by row, in a table of floats, by int8 and a scale a row.

    The quantiser of ONNX Runtime has one scale for a whole table, and its form of it makes the optimiser of loops fail.
    """
    from onnx import helper, numpy_helper

    tables = {tensor.name: tensor for tensor in graph.initializer}
    whole, nodes = dict(tables), []
    for node in graph.node:
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        weights = None if table is None else numpy_helper.to_array(table)
        if (
            weights is None
            or weights.dtype != np.float32
            or weights.ndim != 2
            or any(each.i for each in node.attribute)
        ):
            nodes.append(node)
            continue
        name, (given, at), (out,) = f"{node.output[0]}/int8", node.input, node.output
        scale = np.maximum(np.abs(weights).max(axis=1, keepdims=True), 1e-12) / 127
        for part, value in (("table", np.rint(weights / scale).astype(np.int8)), ("scale", scale)):
            whole[f"{given}/{part}"] = numpy_helper.from_array(value, f"{given}/{part}")
            nodes.append(helper.make_node("Gather", [f"{given}/{part}", at], [f"{name}/{part}"]))
        nodes.append(helper.make_node("Cast", [f"{name}/table"], [f"{name}/float"], to=1))
        nodes.append(helper.make_node("Mul", [f"{name}/float", f"{name}/scale"], [out]))
        whole.pop(given, None)
    for repeated, values in ((graph.node, nodes), (graph.initializer, whole.values())):
        del repeated[:]
        repeated.extend(values)


def _sparse(name: str, weights: NDArray[np.float32], sparsity: float) -> tuple[list[Any], list[Any]]:
    """Return the constants and operations that give pruned weights under their name."""
    from onnx import helper, numpy_helper

    size = np.abs(weights.ravel())
    stays = size > np.quantile(size, sparsity)
    stays[_FURTHEST - 1 :: _FURTHEST] = True  # so that no distance is longer
    places = np.flatnonzero(stays)
    kept = np.where(size > np.quantile(size, sparsity), weights.ravel(), 0)[places]
    parts = {
        "values": kept.astype(np.float32),
        "apart": np.diff(places, prepend=-1).astype(np.uint8),
        "size": np.array([weights.size]),
        "shape": np.array(weights.shape),
        "first": np.array(-1),
        "axis": np.array(0),
    }
    constants = [numpy_helper.from_array(value, f"{name}/{part}") for part, value in parts.items()]

    def node(kind: str, out: str, *inputs: str, **attributes: Any) -> Any:
        known = [f"{name}/{part}" for part in inputs]
        return helper.make_node(kind, known, [f"{name}/{out}" if out else name], **attributes)

    zero = numpy_helper.from_array(np.zeros(1, dtype=np.float32))
    nodes = [
        node("Cast", "steps", "apart", to=7),
        node("CumSum", "after", "steps", "axis"),
        node("Add", "places", "after", "first"),
        node("ConstantOfShape", "empty", "size", value=zero),
        node("ScatterElements", "flat", "empty", "places", "values"),
        node("Reshape", "", "flat", "shape"),
    ]
    return constants, nodes
