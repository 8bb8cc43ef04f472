"""Datatypes and shapes of inputs and outputs."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Final

from trilith.config.findings import Findings

VARIABLE: Final = -1
"""A dimension of any size."""

_DIMS_OF_AN_IMAGE: Final = 3
_TENSORRT: Final = "tensorrt_plan"


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Check every input and output by itself."""
    for kind in ("input", "output"):
        for index, tensor in enumerate(document[kind]):
            field = f"{kind}[{index}]"
            label = f"{kind} '{tensor['name']}'" if tensor["name"] else f"the {kind}"
            _check_datatype(tensor, field, label, findings)
            _check_dims(tensor["dims"], f"{field}.dims", label, findings)
            if "reshape" in tensor:
                _check_reshape(tensor, field, label, document["max_batch_size"], findings)
            _check_layout(tensor, field, label, findings)
            _check_tensorrt(tensor, field, label, document["platform"], findings)
            if tensor.get("allow_ragged_batch") and document["max_batch_size"] == 0:
                message = f"{label} may be ragged in a batch, but the model does not batch"
                findings.add(f"{field}.allow_ragged_batch", message, "set max_batch_size or remove it")


def _check_datatype(tensor: Mapping[str, Any], field: str, label: str, findings: Findings) -> None:
    datatype = tensor["data_type"]
    if datatype == "TYPE_INVALID":
        findings.add(f"{field}.data_type", f"{label} has no datatype", "write data_type: TYPE_FP32, say")
    elif not isinstance(datatype, str):
        findings.add(f"{field}.data_type", f"{label} has a datatype of unknown number {datatype}")


def _check_dims(dims: Sequence[int], field: str, label: str, findings: Findings) -> None:
    if not dims:
        advice = "write dims: [1] for one element, dims: [-1] for any number"
        findings.add(field, f"{label} has no dims", advice)
    _check_extents(dims, field, label, findings)


def _check_extents(dims: Sequence[int], field: str, label: str, findings: Findings) -> None:
    for index, extent in enumerate(dims):
        if extent < 1 and extent != VARIABLE:
            message = f"{label}: a dimension is 1 or more, or -1 for any size; found {extent}"
            findings.add(f"{field}[{index}]", message)


def _check_reshape(
    tensor: Mapping[str, Any], field: str, label: str, max_batch_size: int, findings: Findings
) -> None:
    dims, shape = tensor["dims"], tensor["reshape"]["shape"]
    place = f"{field}.reshape"
    if not shape and max_batch_size == 0:
        message = f"{label}: an empty reshape needs a batch dimension, and the model does not batch"
        findings.add(place, message, "write shape: [1] or set max_batch_size")
    _check_extents(shape, f"{place}.shape", label, findings)
    if _runs(dims) != _runs(shape):
        message = f"{label}: reshape {shape} does not hold as many elements as dims {dims}"
        advice = "equal products are needed before, between and after dimensions of -1"
        findings.add(place, message, advice if VARIABLE in [*dims, *shape] else "")


def _runs(dims: Sequence[int]) -> list[int]:
    """Return the element counts between variable dimensions: [2, 4, -1, 6] gives [8, 6]."""
    runs: list[list[int]] = [[]]
    for extent in dims:
        if extent == VARIABLE:
            runs.append([])
        else:
            runs[-1].append(extent)
    return [prod(run) for run in runs]


def _check_layout(tensor: Mapping[str, Any], field: str, label: str, findings: Findings) -> None:
    layout = tensor.get("format", "FORMAT_NONE")
    if tensor["dims"] and layout != "FORMAT_NONE" and len(tensor["dims"]) != _DIMS_OF_AN_IMAGE:
        message = f"{label}: {layout} takes 3 dims, found {len(tensor['dims'])}"
        findings.add(f"{field}.format", message, "leave the batch dimension out of dims")


def _check_tensorrt(
    tensor: Mapping[str, Any], field: str, label: str, platform: str, findings: Findings
) -> None:
    for flag in ("is_shape_tensor", "is_non_linear_format_io"):
        if tensor[flag] and platform != _TENSORRT:
            message = f"{label}: only models of platform '{_TENSORRT}' may set {flag}"
            findings.add(f"{field}.{flag}", message, "remove it")
    if tensor["is_non_linear_format_io"] and len(tensor["dims"]) != _DIMS_OF_AN_IMAGE:
        message = f"{label}: a layout that is not linear takes 3 dims, found {len(tensor['dims'])}"
        findings.add(f"{field}.dims", message)
