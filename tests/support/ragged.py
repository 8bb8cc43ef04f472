"""An ONNX model whose requests differ in their extents, and that shows what it was told of its batch."""

from collections.abc import Sequence

from onnx import TensorProto, helper

from repositories.onnx_models import make_model
from trilith.contract import DataType

KINDS = {
    "COUNTS": "BATCH_ELEMENT_COUNT",
    "ENDS": "BATCH_ACCUMULATED_ELEMENT_COUNT",
    "BOUNDS": "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO",
    "LONGEST": "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE",
    "SHAPES": "BATCH_ITEM_SHAPE",
    "FLAT": "BATCH_ITEM_SHAPE_FLATTEN",
}


def make_ragged() -> bytes:
    """Return a model that doubles a run of elements; each request sees every batch input in full."""
    nodes = [
        helper.make_node("Add", ["IN", "IN"], ["OUT"]),
        helper.make_node("Shape", ["SHAPES"], ["items"], start=0, end=1),
        helper.make_node("Constant", [], ["one"], value_ints=[1]),
        helper.make_node("Constant", [], ["first"], value_ints=[0]),
        helper.make_node("Constant", [], ["flat"], value_ints=[-1]),
        helper.make_node("Concat", ["items", "one"], ["rows"], axis=0),
    ]
    for name in KINDS:
        nodes += _show(name)
    inputs = [(name, _datatype(name), _shape(name)) for name in KINDS]
    outputs = [(f"TOLD_{name}", DataType.INT32, ["batch", "n"]) for name in KINDS]
    return make_model(
        nodes,
        [("IN", DataType.FP32, ["elements"]), *inputs],
        [("OUT", DataType.FP32, ["elements"]), *outputs],
    )


def write_configuration(more: str = "") -> str:
    """Write its configuration: a batch runs once it holds three requests."""
    entries = [
        f'batch_input {{ kind: {kind} target_name: "{name}" '
        f'data_type: TYPE_{_datatype(name).value} source_input: "IN" }}'
        for name, kind in KINDS.items()
    ]
    outputs = [f'output {{ name: "TOLD_{name}" data_type: TYPE_INT32 dims: [-1] }}' for name in KINDS]
    return "\n".join(
        [
            'backend: "onnxruntime" max_batch_size: 4',
            'input { name: "IN" data_type: TYPE_FP32 dims: [-1, -1] allow_ragged_batch: true }',
            'output { name: "OUT" data_type: TYPE_FP32 dims: [-1, -1] }',
            'batch_output { target_name: "OUT" kind: BATCH_SCATTER_WITH_INPUT_SHAPE source_input: "IN" }',
            "dynamic_batching { preferred_batch_size: [4] max_queue_delay_microseconds: 60000000 }",
            *entries,
            *outputs,
            more,
        ]
    )


def _datatype(name: str) -> DataType:
    return DataType.FP32 if name in {"ENDS", "FLAT"} else DataType.INT32


def _shape(name: str) -> Sequence[str]:
    return ["items", "rank"] if name == "SHAPES" else [f"n_{name}"]


def _show(name: str) -> list[object]:
    """Give every request the whole of a batch input as one row; of the one that is all shape, its extent."""
    source = f"{name}_shape" if name == "LONGEST" else name
    nodes = [helper.make_node("Shape", [name], [source])] if name == "LONGEST" else []
    return [
        *nodes,
        helper.make_node("Cast", [source], [f"{name}_cast"], to=TensorProto.INT32),
        helper.make_node("Reshape", [f"{name}_cast", "flat"], [f"{name}_flat"]),
        helper.make_node("Unsqueeze", [f"{name}_flat", "first"], [f"{name}_row"]),
        helper.make_node("Expand", [f"{name}_row", "rows"], [f"TOLD_{name}"]),
    ]
