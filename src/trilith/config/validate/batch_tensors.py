"""Inputs that the server makes of a batch, and outputs that it cuts by the shapes of an input."""

from collections.abc import Mapping
from typing import Any, Final

from trilith.config.findings import Findings
from trilith.config.spelling import suggest

_DATATYPES: Final = ("TYPE_INT32", "TYPE_FP32")
_VARIABLE: Final = -1


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Check ``batch_input`` and ``batch_output``."""
    taken = {tensor["name"]: "an input of clients" for tensor in document["input"]}
    sequences = document.get("sequence_batching", {})
    for entry in sequences.get("control_input", ()):
        taken[entry["name"]] = "filled by sequence batching"
    for entry in sequences.get("state", ()):
        taken[entry["input_name"]] = "filled by sequence batching"
    for index, entry in enumerate(document["batch_input"]):
        field = f"batch_input[{index}]"
        _check_kind(entry, field, findings)
        if entry["data_type"] not in _DATATYPES:
            message = f"a batch input is TYPE_INT32 or TYPE_FP32, found {entry['data_type']}"
            findings.add(f"{field}.data_type", message, "write data_type: TYPE_INT32")
        _check_source(entry, field, document, findings)
        _check_targets(entry, field, taken, findings)
    _check_outputs(document, findings)


def _check_kind(entry: Mapping[str, Any], field: str, findings: Findings) -> None:
    if not isinstance(entry["kind"], str):
        findings.add(f"{field}.kind", f"there is no kind of number {entry['kind']}")


def _check_source(
    entry: Mapping[str, Any], field: str, document: Mapping[str, Any], findings: Findings
) -> Mapping[str, Any] | None:
    """Check that the one source is an input that every request has; return it."""
    sources = entry["source_input"]
    if len(sources) != 1:
        message = f"{entry['kind']} takes one source_input, found {len(sources)}"
        findings.add(f"{field}.source_input", message, 'write source_input: "NAME" of an input')
        return None
    inputs: dict[str, Mapping[str, Any]] = {tensor["name"]: tensor for tensor in document["input"]}
    source = inputs.get(sources[0])
    place = f"{field}.source_input[0]"
    if source is None:
        findings.add(place, f"the model has no input '{sources[0]}'", suggest(sources[0], inputs))
    elif source["optional"]:
        message = f"input '{sources[0]}' is optional: a request without it has no shape to go by"
        findings.add(place, message, "name an input that every request has, or remove 'optional'")
    return source


def _check_targets(entry: Mapping[str, Any], field: str, taken: dict[str, str], findings: Findings) -> None:
    if not entry["target_name"]:
        message = "names no input of the model"
        findings.add(f"{field}.target_name", message, 'write target_name: "NAME"')
    for position, name in enumerate(entry["target_name"]):
        place = f"{field}.target_name[{position}]"
        if not name:
            findings.add(place, "the name is empty", 'write target_name: "NAME"')
        elif name in taken:
            message = f"'{name}' is {taken[name]} already"
            findings.add(place, message, "the server fills this input: give it a name of its own")
        else:
            taken[name] = f"filled by {field}"


def _check_outputs(document: Mapping[str, Any], findings: Findings) -> None:
    outputs: dict[str, Mapping[str, Any]] = {tensor["name"]: tensor for tensor in document["output"]}
    taken: dict[str, str] = {}
    for index, entry in enumerate(document["batch_output"]):
        field = f"batch_output[{index}]"
        _check_kind(entry, field, findings)
        source = _check_source(entry, field, document, findings)
        if not entry["target_name"]:
            message = "names no output of the model"
            findings.add(f"{field}.target_name", message, 'write target_name: "NAME"')
        for position, name in enumerate(entry["target_name"]):
            place = f"{field}.target_name[{position}]"
            if name not in outputs:
                findings.add(place, f"the model has no output '{name}'", suggest(name, outputs))
            elif name in taken:
                findings.add(place, f"output '{name}' is cut by {taken[name]} already", "remove one")
            elif source is not None:
                _check_extents(outputs[name], source, place, findings)
            taken.setdefault(name, field)


def _check_extents(
    output: Mapping[str, Any], source: Mapping[str, Any], place: str, findings: Findings
) -> None:
    """Check that the source has an extent for each -1 of an output."""
    given, wanted = (tensor.get("reshape", {}).get("shape", tensor["dims"]) for tensor in (source, output))
    for index, extent in enumerate(wanted):
        if extent == _VARIABLE and index >= len(given):
            message = (
                f"dimension {index} of output '{output['name']}' is -1, but input '{source['name']}' has "
                f"{len(given)} dims to take its extent from"
            )
            findings.add(place, message, "each -1 takes the extent that the source_input has in its place")
