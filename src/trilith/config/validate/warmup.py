"""Requests that warm a model up."""

from collections.abc import Mapping
from typing import Any, Final

from trilith.config.findings import Findings
from trilith.config.spelling import suggest

_SOURCES: Final = ("zero_data", "random_data", "input_data_file")


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Check every sample against the inputs of the model."""
    tensors = {tensor["name"]: tensor for tensor in document["input"]}
    for index, sample in enumerate(document["model_warmup"]):
        field = f"model_warmup[{index}]"
        label = f"warmup sample '{sample['name']}'"
        _check_size(sample, document["max_batch_size"], field, label, findings)
        for name, given in sample["inputs"].items():
            place = f'{field}.inputs["{name}"]'
            _check_source(given, place, f"{label}: input '{name}'", findings)
            if name in tensors:
                _check_against(tensors[name], given, place, f"{label}: input '{name}'", findings)
            elif "sequence_batching" not in document:
                message = f"{label}: the model has no input '{name}'"
                findings.add(place, message, suggest(name, tensors))
        for name, tensor in tensors.items():
            if sample["batch_size"] and name not in sample["inputs"] and not tensor.get("optional"):
                findings.add(f"{field}.inputs", f"{label} gives nothing for input '{name}'")


def _check_size(
    sample: Mapping[str, Any], max_batch_size: int, field: str, label: str, findings: Findings
) -> None:
    largest = max(1, max_batch_size)
    if sample["batch_size"] > largest:
        message = (
            f"{label}: a batch of {sample['batch_size']} is more than the {largest} that the model takes"
        )
        findings.add(f"{field}.batch_size", message)


def _check_source(given: Mapping[str, Any], place: str, label: str, findings: Findings) -> None:
    if not any(source in given for source in _SOURCES):
        findings.add(place, f"{label} says not where its data come from", "write zero_data: true")
    if any(extent < 0 for extent in given["dims"]):
        findings.add(f"{place}.dims", f"{label} needs a definite shape, found {given['dims']}")
    if ".." in str(given.get("input_data_file", "")).split("/"):
        findings.add(f"{place}.input_data_file", f"{label}: its file lies outside the folder 'warmup'")


def _check_against(
    tensor: Mapping[str, Any], given: Mapping[str, Any], place: str, label: str, findings: Findings
) -> None:
    if given["data_type"] != tensor["data_type"]:
        message = f"{label} is {tensor['data_type']}, found {given['data_type']}"
        findings.add(f"{place}.data_type", message)
    expected, found = tensor["dims"], given["dims"]
    fits = len(expected) == len(found) and all(
        wanted in (-1, extent) for wanted, extent in zip(expected, found, strict=False)
    )
    if not fits:
        findings.add(f"{place}.dims", f"{label} has dims {expected}, found {found}")
