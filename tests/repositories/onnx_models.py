"""Makes ONNX models of a few nodes."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import onnx
from onnx import TensorProto, helper

from trilith.contract import DataType

Shape: TypeAlias = Sequence[int | str]

_OPSET = 18
_IR_VERSION = 9
"""Old enough for every version of ONNX Runtime that the brick allows."""

ELEMENT_TYPES: dict[DataType, int] = {
    DataType.BOOL: TensorProto.BOOL,
    DataType.UINT8: TensorProto.UINT8,
    DataType.UINT16: TensorProto.UINT16,
    DataType.UINT32: TensorProto.UINT32,
    DataType.UINT64: TensorProto.UINT64,
    DataType.INT8: TensorProto.INT8,
    DataType.INT16: TensorProto.INT16,
    DataType.INT32: TensorProto.INT32,
    DataType.INT64: TensorProto.INT64,
    DataType.FP16: TensorProto.FLOAT16,
    DataType.BF16: TensorProto.BFLOAT16,
    DataType.FP32: TensorProto.FLOAT,
    DataType.FP64: TensorProto.DOUBLE,
    DataType.BYTES: TensorProto.STRING,
}


def make_identity(
    shape: Shape = ("batch", 4),
    datatype: DataType = DataType.FP32,
    names: tuple[str, str] = ("INPUT0", "OUTPUT0"),
) -> bytes:
    """Return a model that gives back its input."""
    source, target = names
    return make_model(
        [helper.make_node("Identity", [source], [target])],
        [(source, datatype, shape)],
        [(target, datatype, shape)],
    )


def make_sum_and_difference(shape: Shape = ("batch", 4), datatype: DataType = DataType.FP32) -> bytes:
    """Return a model that adds and subtracts its two inputs."""
    return make_model(
        [
            helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
            helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"]),
        ],
        [("INPUT0", datatype, shape), ("INPUT1", datatype, shape)],
        [("OUTPUT0", datatype, shape), ("OUTPUT1", datatype, shape)],
    )


def make_scaler(shape: Shape = ("batch", 4)) -> bytes:
    """Return a model that multiplies its input by ``FACTOR``, which is 2 where it is not sent."""
    return make_model(
        [helper.make_node("Mul", ["INPUT0", "FACTOR"], ["OUTPUT0"])],
        [("INPUT0", DataType.FP32, shape), ("FACTOR", DataType.FP32, ["batch", 1])],
        [("OUTPUT0", DataType.FP32, shape)],
        [helper.make_tensor("FACTOR", TensorProto.FLOAT, [1, 1], [2.0])],
    )


def make_model(
    nodes: Sequence[Any],
    inputs: Sequence[tuple[str, DataType, Shape]],
    outputs: Sequence[tuple[str, DataType, Shape]],
    initializers: Sequence[Any] = (),
) -> bytes:
    """Return a serialized model."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [_describe(*tensor) for tensor in inputs],
        [_describe(*tensor) for tensor in outputs],
        list(initializers),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _describe(name: str, datatype: DataType, shape: Shape) -> Any:
    return helper.make_tensor_value_info(name, ELEMENT_TYPES[datatype], list(shape))
