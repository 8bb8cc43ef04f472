"""The tensors that sequence batching adds to those of a model's clients."""

from collections.abc import Iterator, Mapping
from typing import Any

from trilith.contract.datatype import DataType


def control_datatype(control: Mapping[str, Any]) -> DataType:
    """Return the datatype of an input that tells a model about a sequence.

    Args:
        control: a ``ModelSequenceBatching.Control``.
    """
    for field, datatype in (("int32", DataType.INT32), ("fp32", DataType.FP32), ("bool", DataType.BOOL)):
        if control.get(f"{field}_false_true"):
            return datatype
    return DataType.from_config(control["data_type"])


def list_inputs(document: Mapping[str, Any]) -> Iterator[tuple[str, DataType, tuple[int, ...]]]:
    """Yield name, datatype and dims of the inputs that the server fills: controls, then states."""
    batching = document.get("sequence_batching", {})
    for entry in batching.get("control_input", ()):
        yield entry["name"], control_datatype(entry["control"][0]), (1,)
    for state in batching.get("state", ()):
        yield state["input_name"], DataType.from_config(state["data_type"]), tuple(state["dims"])


def list_outputs(document: Mapping[str, Any]) -> Iterator[tuple[str, DataType, tuple[int, ...]]]:
    """Yield name, datatype and dims of the states as the model gives them."""
    for state in document.get("sequence_batching", {}).get("state", ()):
        yield state["output_name"], DataType.from_config(state["data_type"]), tuple(state["dims"])
