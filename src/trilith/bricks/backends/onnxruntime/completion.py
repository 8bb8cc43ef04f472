"""Fills in what a model configuration leaves open, with Triton's defaults."""

from collections.abc import Mapping, Sequence
from typing import Any

from trilith.bricks.backends.onnxruntime.signature import ModelTensor, Signature
from trilith.contract import ConfigurationError, LoadError, ModelSource, Problem

DEFAULT_MAX_BATCH_SIZE = 4
"""Triton's, where neither the configuration nor ``default-max-batch-size`` says otherwise."""


def is_complete(document: Mapping[str, Any]) -> bool:
    """Whether inputs and outputs are all described, so that the model need not be read."""
    inputs = [*document.get("input", ()), *document.get("batch_input", ())]
    outputs = document.get("output", ())
    entries = [*document.get("input", ()), *outputs]
    return bool(inputs) and bool(outputs) and all(_is_described(entry) for entry in entries)


def _is_described(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("dims")) and entry.get("data_type", "TYPE_INVALID") != "TYPE_INVALID"


def complete_document(
    source: ModelSource, document: Mapping[str, Any], signature: Signature
) -> dict[str, Any]:
    """Return the document with batch size, scheduler, inputs and outputs filled in.

    Raises:
        ConfigurationError: the configuration wants batches and the model cannot take any.
        LoadError: the model has a tensor that the protocol cannot carry.
    """
    completed = dict(document)
    maximum = _complete_batch_size(source, completed, signature)
    own = _name_own_tensors(document)
    for field, given in (("input", signature.inputs), ("output", signature.outputs)):
        written: Sequence[Mapping[str, Any]] = document.get(field, ())
        tensors = [tensor for tensor in given if tensor.name not in own]
        found = {tensor.name: tensor for tensor in tensors}
        if written:
            completed[field] = [
                dict(entry)
                if _is_described(entry) or entry.get("name") not in found
                else {**_describe(source, found[entry["name"]], maximum), **entry}
                for entry in written
            ]
        else:
            completed[field] = [_describe(source, tensor, maximum) for tensor in tensors]
    return completed


def _name_own_tensors(document: Mapping[str, Any]) -> set[str]:
    """Name what the server gives to and takes from the model by itself, to be left out for clients."""
    batching = document.get("sequence_batching", {})
    names = {entry.get("name") for entry in batching.get("control_input", ())}
    names.update(name for entry in document.get("batch_input", ()) for name in entry.get("target_name", ()))
    for state in batching.get("state", ()):
        names |= {state.get("input_name"), state.get("output_name")}
    return names


def _complete_batch_size(source: ModelSource, document: dict[str, Any], signature: Signature) -> int:
    maximum = int(document.get("max_batch_size", 0))
    stubborn = [tensor.name for tensor in signature.inputs + signature.outputs if not tensor.is_batchable]
    if stubborn and maximum > 0:
        names = ", ".join(f"'{name}'" for name in stubborn)
        message = (
            f"is {maximum}, but the model takes no batches: the first dimension of {names} is not variable"
        )
        advice = "write max_batch_size: 0, or export the model with a variable batch dimension"
        raise ConfigurationError([Problem(message, field="max_batch_size", suggestion=advice)])
    if stubborn:
        return 0
    if maximum == 0:
        maximum = _read_default(source)
        document["max_batch_size"] = maximum
    if maximum > 1 and not {"dynamic_batching", "sequence_batching"} & document.keys():
        document["dynamic_batching"] = {}
    return maximum


def _read_default(source: ModelSource) -> int:
    text = source.settings.get("default-max-batch-size", str(DEFAULT_MAX_BATCH_SIZE))
    try:
        return max(int(text), 0)
    except ValueError:
        raise LoadError(
            f"backend onnxruntime: setting 'default-max-batch-size' is '{text}', expected a whole number"
        ) from None


def _describe(source: ModelSource, tensor: ModelTensor, max_batch_size: int) -> dict[str, Any]:
    if tensor.datatype is None:
        raise LoadError(
            f"model '{source.name}': '{tensor.name}' is a {tensor.kind}, which the protocol cannot carry; "
            f"export the model with plain tensors"
        )
    dims = list(tensor.shape[1:] if max_batch_size > 0 else tensor.shape)
    entry: dict[str, Any] = {
        "name": tensor.name,
        "data_type": tensor.datatype.config_name,
        "dims": dims or [1],
    }
    if not dims and max_batch_size > 0:
        # A configuration must have dims: one number per inference is written as [1] and reshaped away.
        entry["reshape"] = {"shape": []}
    return entry
