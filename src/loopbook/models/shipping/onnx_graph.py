"""An ONNX graph while it is built by hand: constants, operations, inputs and outputs."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

OPSET, ML_OPSET, FORMAT = 20, 3, 10
"""Versions of operations, of those for machine learning, and of the file; fixed, so that a newer library writes the
same."""


class Graph:
    """Collects nodes in order; every `add` returns the name of its result."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def add(self, kind: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        """Add an operation of ONNX's standard set and return the name of its result."""
        from onnx import helper

        result = out or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [result], **attributes))
        return result

    def constant(self, value: NDArray[Any]) -> str:
        """Add numbers that never change and return their name."""
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name))
        return name

    def input(self, name: str, dtype: DTypeLike, shape: list[str | int]) -> str:
        """Declare an input; a name in its shape stands for any size."""
        self._inputs.append(_described(name, dtype, shape))
        return name

    def output(self, name: str, dtype: DTypeLike, shape: list[str | int]) -> str:
        """Declare a result as output."""
        self._outputs.append(_described(name, dtype, shape))
        return name

    def model(self) -> Any:
        """Return the finished ONNX model, checked."""
        import onnx
        from onnx import helper

        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._constants)
        versions = [helper.make_opsetid("", OPSET)]
        if any(node.domain for node in self._nodes):
            versions.append(helper.make_opsetid("ai.onnx.ml", ML_OPSET))
        model = helper.make_model(graph, opset_imports=versions, ir_version=FORMAT, producer_name="loopbook")
        onnx.checker.check_model(model)
        return model

    def session(self) -> Any:
        """Return the graph ready to run."""
        return session(self.model().SerializeToString())


def canonical(model: Any) -> Any:
    """Return an ONNX model with its operations in the order in which the outputs need them, and with short names.

    Converters order operations and count names differently each time, so that equal networks become different files.
    Inputs and outputs keep their names; what no output needs is left out.
    """
    names = {"": ""} | {value.name: value.name for value in (*model.graph.input, *model.graph.output)}
    _bypass(model.graph, {})
    _sort(model.graph)
    _rename(model.graph, names)
    return model


def _inner(node: Any) -> list[Any]:
    """Return the graphs inside an operation, such as a loop's body."""
    found = [[attribute.g] if attribute.HasField("g") else attribute.graphs for attribute in node.attribute]
    return [graph for graphs in found for graph in graphs]


def _needs(node: Any) -> list[str]:
    """Return the names that an operation reads; a body may read names of the graph around it."""
    return [*node.input, *(name for graph in _inner(node) for inner in graph.node for name in _needs(inner))]


def _bypass(graph: Any, same: dict[str, str]) -> None:
    """Let operations read what an Identity copies, not the copy; converters leave copies now and then."""
    ends = {value.name for value in graph.output}
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
        if node.op_type == "Identity" and node.output[0] not in ends:
            same[node.output[0]] = node.input[0]
        for inner in _inner(node):
            _bypass(inner, same)


def _sort(graph: Any) -> None:
    for node in graph.node:
        for inner in _inner(node):
            _sort(inner)
    made_by = {name: node for node in graph.node for name in node.output}
    placed: dict[int, Any] = {}
    waiting = [(value.name, False) for value in reversed(graph.output)]
    while waiting:
        name, ready = waiting.pop()
        node = made_by.get(name)
        if node is None or id(node) in placed:
            continue
        if ready:
            placed[id(node)] = node
        else:
            waiting.append((name, True))
            waiting += [(need, False) for need in reversed(_needs(node))]
    nodes = [type(node).FromString(node.SerializeToString()) for node in placed.values()]
    del graph.node[:]
    graph.node.extend(nodes)


def _rename(graph: Any, names: dict[str, str]) -> None:
    def short(name: str) -> str:
        return names.setdefault(name, f"t{len(names)}")

    def describe(value: Any) -> None:
        value.name = short(value.name)
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = short(size.dim_param)

    for value in graph.input:
        describe(value)
    for node in graph.node:
        node.name, node.doc_string = "", ""
        node.input[:] = [short(name) for name in node.input]
        for inner in _inner(node):
            _rename(inner, names)
        node.output[:] = [short(name) for name in node.output]
        node.attribute.sort(key=lambda attribute: str(attribute.name))
    for value in graph.output:
        describe(value)
    constants = {short(constant.name): constant for constant in graph.initializer}
    used = {name for node in graph.node for name in _needs(node)} | {value.name for value in graph.output}
    kept = []
    for name in sorted(constants.keys() & used, key=lambda name: (len(name), name)):
        constants[name].name = name
        kept.append(type(constants[name]).FromString(constants[name].SerializeToString()))
    del graph.initializer[:], graph.value_info[:]
    graph.initializer.extend(kept)
    graph.name, graph.doc_string = "network", ""


def session(model: bytes | Path) -> Any:
    """Return ONNX Runtime's session for a model: on the CPU, with one thread, so that results are repeatable."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _described(name: str, dtype: DTypeLike, shape: list[str | int]) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
