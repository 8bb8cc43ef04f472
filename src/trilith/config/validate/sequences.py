"""Sequence batching: strategy, control inputs, implicit state."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from trilith.config.findings import Findings

_PLACE: Final = "sequence_batching"
_VALUES: Final = ("int32_false_true", "fp32_false_true", "bool_false_true")
_CORRELATION_ID: Final = "CONTROL_SEQUENCE_CORRID"
_ID_TYPES: Final = ("TYPE_UINT64", "TYPE_INT64", "TYPE_UINT32", "TYPE_INT32", "TYPE_STRING")
_PAIR: Final = 2


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Check ``sequence_batching``."""
    batching = document.get(_PLACE)
    if batching is None:
        return
    if document.get("response_cache", {}).get("enable", False):
        message = "answers of a model with sequence batching cannot be cached"
        findings.add("response_cache", message, "remove it")
    _check_strategy(batching, document["max_batch_size"], findings)
    _check_controls(batching, findings)
    for index, state in enumerate(batching["state"]):
        _check_state(state, f"{_PLACE}.state[{index}]", document, findings)
    _check_names(document, batching, findings)


def _check_strategy(batching: Mapping[str, Any], largest: int, findings: Findings) -> None:
    share = batching.get("direct", {}).get("minimum_slot_utilization", 0.0)
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        place = f"{_PLACE}.direct.minimum_slot_utilization"
        findings.add(place, f"takes a share from 0 to 1, found {share}")
    oldest = batching.get("oldest", {})
    for index, size in enumerate(oldest.get("preferred_batch_size", ())):
        field = f"{_PLACE}.oldest.preferred_batch_size[{index}]"
        if size < 1:
            findings.add(field, f"takes sizes of 1 or more, found {size}")
        elif size > largest:
            findings.add(field, f"takes sizes up to max_batch_size, which is {largest}; found {size}")
    candidates = oldest.get("max_candidate_sequences", 0)
    if candidates < 0:
        findings.add(f"{_PLACE}.oldest.max_candidate_sequences", f"takes 1 or more, found {candidates}")


def _check_controls(batching: Mapping[str, Any], findings: Findings) -> None:
    first: dict[str, str] = {}
    for index, entry in enumerate(batching["control_input"]):
        field = f"{_PLACE}.control_input[{index}]"
        if len(entry["control"]) != 1:
            message = f"a control input tells one thing, found {len(entry['control'])} controls"
            findings.add(f"{field}.control", message, "write one control_input for each control")
        for position, control in enumerate(entry["control"]):
            place, kind = f"{field}.control[{position}]", control["kind"]
            if kind in first:
                findings.add(
                    f"{place}.kind", f"{kind} is told by input '{first[kind]}' already", "remove one"
                )
            first.setdefault(kind, entry["name"])
            if kind == _CORRELATION_ID:
                _check_id(control, place, findings)
            else:
                _check_values(control, place, findings)


def _check_id(control: Mapping[str, Any], place: str, findings: Findings) -> None:
    if any(control[field] for field in _VALUES):
        message = f"{_CORRELATION_ID} has no values for false and true"
        findings.add(place, message, f"remove {', '.join(field for field in _VALUES if control[field])}")
    if control["data_type"] not in _ID_TYPES:
        message = f"a correlation id cannot be {control['data_type']}"
        findings.add(f"{place}.data_type", message, f"write one of {', '.join(_ID_TYPES)}")


def _check_values(control: Mapping[str, Any], place: str, findings: Findings) -> None:
    written = [field for field in _VALUES if control[field]]
    if len(written) != 1:
        found = " and ".join(written) or "none"
        message = f"{control['kind']} takes its values from one of {', '.join(_VALUES)}; found {found}"
        findings.add(place, message, "write fp32_false_true: [ 0, 1 ], say")
        return
    count = len(control[written[0]])
    if count != _PAIR:
        findings.add(f"{place}.{written[0]}", f"takes 2 values, for false and true; found {count}")


def _check_state(
    state: Mapping[str, Any], field: str, document: Mapping[str, Any], findings: Findings
) -> None:
    for name in ("input_name", "output_name"):
        if not state[name]:
            findings.add(field, f"the state has no {name}", f'write {name}: "NAME"')
    if state["data_type"] == "TYPE_INVALID":
        findings.add(f"{field}.data_type", "the state has no datatype", "write data_type: TYPE_FP32, say")
    for index, extent in enumerate(state["dims"]):
        if extent < 1 and extent != -1:
            message = f"a dimension is 1 or more, or -1 for any size; found {extent}"
            findings.add(f"{field}.dims[{index}]", message)
    for output in document["output"]:
        if output["name"] == state["output_name"] and output["data_type"] != state["data_type"]:
            message = f"output '{output['name']}' is {output['data_type']}, the state {state['data_type']}"
            findings.add(f"{field}.data_type", message)
    _check_memory(state, field, document, findings)
    _check_initial(state, field, findings)


def _check_memory(
    state: Mapping[str, Any], field: str, document: Mapping[str, Any], findings: Findings
) -> None:
    if not state["use_growable_memory"]:
        return
    place = f"{field}.use_growable_memory"
    if not state["use_same_buffer_for_input_output"]:
        message = "a state that grows in place has one buffer"
        findings.add(place, message, "write use_same_buffer_for_input_output: true")
    if any(group["kind"] != "KIND_GPU" for group in document["instance_group"]):
        findings.add(place, "only states on a GPU grow in place", "remove it, or write kind: KIND_GPU")


def _check_initial(state: Mapping[str, Any], field: str, findings: Findings) -> None:
    entries = state["initial_state"]
    if len(entries) > 1:
        findings.add(f"{field}.initial_state", f"a state begins with one value, found {len(entries)}")
    for initial in entries[:1]:
        place = f"{field}.initial_state[0]"
        if not initial["name"]:
            findings.add(place, "the initial state has no name", 'write name: "NAME"')
        if initial["data_type"] != state["data_type"]:
            message = f"the state is {state['data_type']}, its initial value {initial['data_type']}"
            findings.add(f"{place}.data_type", message)
        dims, expected = initial["dims"], state["dims"]
        if -1 in dims:
            findings.add(f"{place}.dims", f"an initial value has fixed dims, found {dims}")
        elif len(dims) != len(expected) or any(
            wanted not in (-1, extent) for extent, wanted in zip(dims, expected, strict=True)
        ):
            findings.add(f"{place}.dims", f"the dims of the state are {expected}, found {dims}")
        if "zero_data" not in initial and not initial.get("data_file"):
            findings.add(place, "the initial state has no value", "write zero_data: true or data_file")


def _check_names(document: Mapping[str, Any], batching: Mapping[str, Any], findings: Findings) -> None:
    """Check that inputs are told apart by their names, and states by those of their outputs."""
    inputs = {tensor["name"]: f"input[{index}]" for index, tensor in enumerate(document["input"])}
    for field, name in _list_inputs(batching):
        if not name:
            findings.add(field, "the control input has no name", 'write name: "NAME"')
        elif name in inputs:
            message = f"the name '{name}' is that of {inputs[name]} already"
            findings.add(field, message, "the server fills this input: give it a name of its own")
        inputs.setdefault(name, field)
    outputs: dict[str, str] = {}
    for index, state in enumerate(batching["state"]):
        field, name = f"{_PLACE}.state[{index}]", state["output_name"]
        if name in outputs:
            findings.add(f"{field}.output_name", f"output '{name}' is that of {outputs[name]} already")
        outputs.setdefault(name, field)


def _list_inputs(batching: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for index, entry in enumerate(batching["control_input"]):
        yield f"{_PLACE}.control_input[{index}].name", entry["name"]
    for index, state in enumerate(batching["state"]):
        if state["input_name"]:
            yield f"{_PLACE}.state[{index}].input_name", state["input_name"]
