"""The generated network: three layers, in arithmetic that is exact in any order of summing."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

WIDTHS = (16, 64, 64, 16)


def weights() -> list[NDArray[np.float32]]:
    """Make the matrices of the three layers, of -1, 0 and 1.

    With inputs that are small multiples of a quarter every sum is exact in FP32, so that a reply is
    the same to the last bit whatever batch its request fell into, and can be compared as bytes.
    """
    random = np.random.default_rng(3)
    return [random.integers(-1, 2, shape).astype(np.float32) for shape in pairwise(WIDTHS)]


def mlp(data: NDArray[np.generic]) -> NDArray[np.float32]:
    """Compute what the network does: a matrix product per layer, with a ReLU between layers."""
    result = data.astype(np.float32)
    layers = weights()
    for matrix in layers[:-1]:
        result = np.maximum(result @ matrix, np.float32(0))
    return result @ layers[-1]


def mlp_bytes(*, batched: bool) -> bytes:
    """Write the same network as an ONNX file, FP32[16] to FP32[16], its first dimension free if batched."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - only the peers' environment has it

    shape: list[str | int | None] = ["batch", WIDTHS[0]] if batched else [WIDTHS[0]]
    nodes, initializers, current = [], [], "INPUT0"
    layers = weights()
    for index, matrix in enumerate(layers):
        last = index == len(layers) - 1
        product = "OUTPUT0" if last else f"product_{index}"
        initializers.append(numpy_helper.from_array(matrix, f"weights_{index}"))
        nodes.append(helper.make_node("MatMul", [current, f"weights_{index}"], [product]))
        current = product
        if not last:
            current = f"layer_{index}"
            nodes.append(helper.make_node("Relu", [product], [current]))
    graph = helper.make_graph(
        nodes,
        "three_layers",
        [helper.make_tensor_value_info("INPUT0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("OUTPUT0", TensorProto.FLOAT, shape)],
        initializers,
    )
    # Versions that every ONNX Runtime of the last years reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())
