"""Compression: a model exported to ONNX with its tokeniser, and the proof that it still gives the same answers."""

import tempfile
import warnings
from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.features import Features
from loopbook.models import heads
from loopbook.models.architecture import Predictor
from loopbook.models.averaged import Averaged, member_name
from loopbook.models.distance import TINY, Distance
from loopbook.models.encoders import sentence_encoder
from loopbook.models.head import Head
from loopbook.models.linear import Linear
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.models.ranking.ranker import Ranker
from loopbook.models.shipping.bundle import CONFIG, FEATURES, FORMAT, MODEL, PIECES, OnnxModel
from loopbook.models.shipping.onnx_graph import OPSET, Graph
from loopbook.models.trees import LEAF, Trees
from loopbook.scenario.errors import LoopbookError
from loopbook.store import content
from loopbook.store.content import write_atomically

TOLERANCE = 1e-5
"""How far an answer of the exported model may be from the original's."""


def export(model: Model, folder: Path) -> None:
    """Write a bundle that needs no TensorFlow: `model.onnx`, `features.json` and `config.json`, which comes last.

    The graph gives raw scores; the heads make probabilities of them outside, in double precision. A network on sentence
    embeddings gets the encoder into its graph and the tokenizer beside it, so that it reads text. An ensemble has a
    bundle for each member in place of a graph.

    Parameters
    ----------
    model
        Any fitted model.
    folder
        Is made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "format": FORMAT,
        "kind": model.family,
        "architecture": model.architecture,
        "outputs": heads.dump(model.outputs),
    }
    content.save(model.features.model_dump(mode="json"), folder / FEATURES)
    if isinstance(model.predictor, Averaged):
        members = model.predictor.members
        for at, member in enumerate(members):
            export(member, folder / member_name(at))
        content.save({**config, "members": len(members)}, folder / CONFIG)
        return
    if isinstance(model.predictor, Ranker):  # sparse products and looked-up users: its arrays are asked as they are
        model.predictor.save(folder)
        content.save({**config, "inputs": [], "ranker": True}, folder / CONFIG)
        return
    graph, inputs, unpadded = _converted(model.predictor, model.features)
    if "positions" in inputs:
        model.predictor.save(folder)
    if "pieces" in inputs:
        own = getattr(model.predictor, "tokenizer", "")
        tokenizer = own or (sentence_encoder.folder() / "tokenizer.json").read_text(encoding="utf-8")
        write_atomically(folder / PIECES, lambda file: file.write_text(tokenizer, encoding="utf-8"))
    write_atomically(folder / MODEL, lambda file: file.write_bytes(graph.SerializeToString(deterministic=True)))
    content.save({**config, "inputs": inputs, "unpadded": unpadded}, folder / CONFIG)


def check(model: Model, folder: Path, frame: pd.DataFrame, cache: Path | None = None) -> float:
    """Return the largest difference between the answers of a model and of its export.

    Probabilities are compared, and of a number the raw scores.

    Parameters
    ----------
    frame
        Rows to compare on; some hundreds, of all lengths.
    cache
        Folder of sentence embeddings that are known already.

    Raises
    ------
    LoopbookError
        If a difference is above 1e-5: the export must not be shipped.
    """
    if not len(frame):
        raise LoopbookError("An export is checked on rows; there are none.")
    shipped = OnnxModel.load(folder)
    before, after = _said(model.outputs, model.raw(frame, cache)), _said(shipped.outputs, shipped.raw(frame))
    apart = np.abs(before - after).max(axis=1)
    difference, worst = float(apart.max()), int(apart.argmax())
    if not difference <= TOLERANCE:
        column = int(np.abs(before - after)[worst].argmax())
        raise LoopbookError(
            f"The exported {model.architecture} gives {after[worst, column]:.6f} where the model gives "
            f"{before[worst, column]:.6f} (row {worst} of {len(frame)}); allowed is a difference of {TOLERANCE:g}. "
            "Do not ship it."
        )
    return difference


def _said(outputs: Sequence[Head], raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of all outputs, and of a number its raw scores, in the spread of train; [n, columns]."""
    each = list(heads.parts(outputs, raw))
    numbers = [z for head, z in each if head.numeric]
    return np.column_stack([*(head.probabilities(z) for head, z in each), *numbers])


class Converted(NamedTuple):
    """A graph that gives raw scores, its inputs, and whether its tokens must come without padding."""

    graph: Any
    inputs: list[str]
    unpadded: bool = False


@singledispatch
def _converted(predictor: Predictor, features: Features) -> Converted:
    """Return the graph of a predictor; each form has its own."""
    raise LoopbookError(f"A {type(predictor).__name__} cannot be exported to ONNX; set optimization.export to false.")


@_converted.register
def _linear(linear: Linear, features: Features) -> Converted:
    """Return the graph of `Linear.raw`: look up weights at the positions of a row's terms, and add up."""
    graph = Graph("linear")
    positions = graph.input("positions", np.int64, ["rows", "terms"])
    counts = graph.input("counts", np.float32, ["rows", "terms"])
    table = graph.input("table", np.float32, ["rows", features.width if len(linear.table_weights) else 0])

    def looked_up(values: np.ndarray, axis: int) -> str:
        padded = np.insert(values, 0, 0.0, axis=axis).astype(np.float32)
        return graph.add("Gather", graph.constant(padded), positions, axis=axis)

    width = len(linear.bias)
    scaled = graph.add("Mul", counts, looked_up(linear.scales, 0))
    # Scores stand before rows while terms are added up, so that each sum runs over what lies side by side.
    each = graph.add("Mul", scaled, looked_up(linear.weights.reshape(len(linear.terms), width).T, 1))
    total = graph.add("Transpose", graph.add("ReduceSum", each, graph.constant(np.array([2])), keepdims=0), perm=[1, 0])
    if linear.unit:
        norm = graph.add("ReduceL2", scaled, graph.constant(np.array([1])), keepdims=1)
        # A row without a known term has norm 0 and total 0.
        total = graph.add("Div", total, graph.add("Max", norm, graph.constant(np.array(1e-30, dtype=np.float32))))
    scores = graph.add("Add", total, graph.constant(linear.bias.astype(np.float32)))
    parts = {"table": linear.table_weights, "embedding": linear.embedding_weights}
    inputs = [positions, counts, table]
    if len(linear.embedding_weights):
        sentence_encoder.add_to(graph)
        inputs.append("pieces")
    for name, weights in parts.items():
        if name == "table" or len(weights):
            known = graph.constant(weights.reshape(-1, width).astype(np.float32))
            scores = graph.add("Add", scores, graph.add("MatMul", name, known))
    graph.output(scores, np.float32, ["rows", width])
    return Converted(graph.model(), inputs)


@_converted.register
def _trees(trees: Trees, features: Features) -> Converted:
    """Return the graph of `Trees.raw`, which ONNX knows as one operation."""
    graph = Graph("trees")
    table = graph.input("table", np.float32, ["rows", features.width])
    tree = np.repeat(np.arange(len(trees.roots)), np.diff(np.append(trees.roots, len(trees.value))))
    node = np.arange(len(trees.value)) - trees.roots[tree]
    leaf = trees.below == LEAF

    def child(positions: np.ndarray) -> list[int]:
        return list(np.where(leaf, 0, positions - trees.roots[tree]).tolist())

    total = graph.add(
        "TreeEnsembleRegressor",
        table,
        domain="ai.onnx.ml",
        n_targets=len(trees.bias),
        nodes_treeids=tree.tolist(),
        nodes_nodeids=node.tolist(),
        nodes_featureids=trees.column.tolist(),
        nodes_values=trees.threshold.tolist(),
        nodes_modes=["LEAF" if ends else "BRANCH_LEQ" for ends in leaf],
        nodes_truenodeids=child(trees.below),
        nodes_falsenodeids=child(trees.above),
        target_treeids=tree[leaf].tolist(),
        target_nodeids=node[leaf].tolist(),
        target_ids=trees.score[tree][leaf].tolist(),
        target_weights=trees.value[leaf].tolist(),
    )
    scores = graph.add("Add", total, graph.constant(trees.bias.astype(np.float32)))
    graph.output(scores, np.float32, ["rows", len(trees.bias)])
    return Converted(graph.model(), [table])


@_converted.register
def _distance(distance: Distance, features: Features) -> Converted:
    """Return the graph of `Distance.raw`, in double precision as there: its logarithm is steep near nothing."""
    graph = Graph("distance")
    table = graph.input("table", np.float32, ["rows", features.width])
    states = [graph.add("Cast", table, to=11)]  # double
    for weight, bias, cut in zip(distance.weights, distance.biases, distance.rectified, strict=True):
        state = graph.add("Add", graph.add("MatMul", states[-1], graph.constant(weight)), graph.constant(bias))
        states.append(graph.add("Relu", state) if cut else state)
    off = graph.add("Sub", states[-1], states[1]) if distance.given_back else states[-1]
    square = graph.add("ReduceMean", graph.add("Mul", off, off), graph.constant(np.array([1])), keepdims=1)
    score = graph.add("Log", graph.add("Add", square, graph.constant(np.array(TINY))))
    graph.output(graph.add("Cast", score, to=1), np.float32, ["rows", 1])
    return Converted(graph.model(), [table])


@_converted.register
def _network(network: Network, features: Features) -> Converted:
    """Return the graph of a network, converted by Keras.

    A mask makes the converted graph seven times slower. Where the network takes rows of any length its twin without
    masks is exported, which gives the same on rows without padding; `OnnxModel` feeds it such rows.
    """
    import keras
    import onnx

    if graph := _tuned(network, features):
        return Converted(graph, list(network.inputs))

    def unmasked(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.layers.Embedding):
            config["mask_zero"] = False
        return type(layer).from_config(config)

    twin = network.model
    if network.trims:
        twin = keras.models.clone_model(network.model, clone_function=unmasked)
        twin.set_weights(network.model.get_weights())
    # Keras exports only what was called before.
    twin(
        {
            given.name: np.ones([1, *(size or 1 for size in given.shape[1:])], dtype=given.dtype)
            for given in network.model.inputs
        }
    )
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # tf2onnx asks numpy for np.object, which warns.
        warnings.simplefilter("ignore", FutureWarning)
        file = Path(folder) / "network.onnx"
        twin.export(file, format="onnx", verbose=False)
        model = onnx.load(file)
    named = {given.name for given in model.graph.input}
    if named != set(network.inputs) or len(model.graph.output) != 1:
        raise LoopbookError(f"Keras exported the inputs {sorted(named)}, not {sorted(network.inputs)}.")
    if "embedding" in network.inputs:
        model = _with_encoder(model)
    inputs = ["pieces" if name == "embedding" else name for name in network.inputs]
    return Converted(model, inputs, network.trims)


def _tuned(network: Network, features: Features) -> Any:
    """Return the graph of an encoder that was tuned, from its weights; None for another network.

    Keras would take a minute. One with prefixes is left to it.
    """
    from loopbook.models.encoders import pretrained

    found = {layer.name: layer for layer in network.model.layers}
    layers = [layer for name, layer in found.items() if name.startswith("transformer_layer_")]
    if not layers or "embedding_scale" not in found or "prefix_0" in found:
        return None
    embeddings = ("token_embedding", "position_embedding", "segment_embedding", "embeddings_layer_norm")
    weights = pretrained.weights(layers, [found[name] for name in embeddings])
    for name, layer in found.items():
        if name.startswith("adapter_"):
            _, way, at = name.split("_")
            kernel, bias = layer.get_weights()
            weights |= {
                f"encoder.layer.{at}.adapter.{way}.weight": kernel.T,
                f"encoder.layer.{at}.adapter.{way}.bias": bias,
            }
    exact = getattr(layers[0].activation, "__name__", "") == "gelu"
    graph = Graph("encoder")
    state = sentence_encoder.add_to(graph, "embedding", weights, layers[0].num_heads, "none" if exact else "tanh")
    scale = graph.constant(np.array(found["embedding_scale"].scale, dtype=np.float32))
    state = graph.add("Mul", state, scale)
    if "table" in network.inputs:
        state = graph.add("Concat", state, graph.input("table", np.float32, ["rows", features.width]), axis=1)
    kernel, bias = found["probability"].get_weights()
    scores = graph.add("Add", graph.add("MatMul", state, graph.constant(kernel)), graph.constant(bias))
    graph.output(scores, np.float32, ["rows", len(bias)])
    return graph.model()


def _with_encoder(head: Any) -> Any:
    """Return one graph: the sentence encoder, then the head on its output ``embedding``."""
    from onnx import compose, version_converter

    front = Graph("encoder")
    front.output(sentence_encoder.add_to(front), np.float32, ["rows", sentence_encoder.WIDTH])
    first = front.model()
    back = version_converter.convert_version(head, OPSET)
    back.ir_version = first.ir_version
    # The converter keeps domains that nothing uses, and merging wants the same on both sides.
    kept = [entry for entry in back.opset_import if entry.domain == ""]
    del back.opset_import[:]
    back.opset_import.extend(kept)
    other = [given.name for given in back.graph.input if given.name != "embedding"]
    back = compose.add_prefix(back, "head/", rename_inputs=False, rename_outputs=False)
    merged = compose.merge_models(
        first,
        back,
        io_map=[("embedding", "embedding")],
        inputs=["pieces", *other],
        outputs=[back.graph.output[0].name],
    )
    del merged.opset_import[1:]  # it names the one set of operations once for each part
    return merged
