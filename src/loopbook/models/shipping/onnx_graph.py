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


def session(model: bytes | Path) -> Any:
    """Return ONNX Runtime's session for a model: on the CPU, with one thread, so that results are repeatable."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model
    # A layer normalisation that is fused with the sum before it takes three times as long as both (version 1.32).
    slow = ["SkipLayerNormFusion"]
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"], disabled_optimizers=slow)


def _described(name: str, dtype: DTypeLike, shape: list[str | int]) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
