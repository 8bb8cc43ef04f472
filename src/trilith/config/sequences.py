"""Sequence batching as the native core wants it."""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, Final

from trilith.config.findings import Findings
from trilith.config.spelling import suggest
from trilith.contract import DataType, ModelConfiguration
from trilith.contract.sequence import control_datatype

_FOLDER: Final = "initial_state"


def read_initial_states(directory: Path, document: Mapping[str, Any], findings: Findings) -> dict[str, bytes]:
    """Return the bytes of states that begin with the content of a file, by the name of their input.

    Args:
        directory: of the model, whose folder ``initial_state`` holds the files.
        document: complete.
        findings: where files that cannot be read, or are too short, are noted.
    """
    states = document.get("sequence_batching", {}).get("state", ())
    found: dict[str, bytes] = {}
    for index, state in enumerate(states):
        for initial in state["initial_state"][:1]:
            if initial.get("data_file"):
                field = f"sequence_batching.state[{index}].initial_state[0].data_file"
                content = _read(directory / _FOLDER, initial, field, findings)
                found[state["input_name"]] = content
    return found


def _read(folder: Path, initial: Mapping[str, Any], field: str, findings: Findings) -> bytes:
    path = folder / str(initial["data_file"])
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        beside = [found.name for found in folder.iterdir()] if folder.is_dir() else []
        findings.add(field, f"there is no file '{path}'", suggest(initial["data_file"], beside))
        return b""
    except OSError as error:
        findings.add(field, f"file '{path}' cannot be read: {error}")
        return b""
    datatype = initial["data_type"]
    if datatype in ("TYPE_STRING", "TYPE_INVALID"):
        return content
    expected = prod(initial["dims"]) * DataType.from_config(datatype).numpy.itemsize
    if len(content) < expected:
        findings.add(field, f"{expected} bytes were expected, file '{path}' has {len(content)}")
    return content[:expected]


def native_sequence(configuration: ModelConfiguration) -> dict[str, Any] | None:
    """Return the part of ``native_spec`` that is about sequences; ``None`` for a model that has none."""
    batching: Mapping[str, Any] | None = configuration.document.get("sequence_batching")
    if batching is None:
        return None
    return {
        "max_idle_microseconds": batching.get("max_sequence_idle_microseconds", 0),
        "iterative": batching.get("iterative_sequence", False),
        "strategy": _strategy(batching),
        "controls": [_control(entry) for entry in batching.get("control_input", ())],
        "states": [_state(entry, configuration) for entry in batching.get("state", ())],
    }


def _strategy(batching: Mapping[str, Any]) -> dict[str, Any]:
    if "oldest" in batching:
        oldest = batching["oldest"]
        return {
            "oldest": {
                "max_candidate_sequences": oldest.get("max_candidate_sequences", 0),
                "preferred_batch_sizes": oldest.get("preferred_batch_size", []),
                "max_queue_delay_microseconds": oldest.get("max_queue_delay_microseconds", 0),
            }
        }
    direct = batching.get("direct", {})
    return {
        "direct": {
            "max_queue_delay_microseconds": direct.get("max_queue_delay_microseconds", 0),
            "minimum_slot_utilization": direct.get("minimum_slot_utilization", 0.0),
        }
    }


def _control(entry: Mapping[str, Any]) -> dict[str, Any]:
    control = entry["control"][0]
    values = control["int32_false_true"] or control["fp32_false_true"] or control["bool_false_true"]
    return {
        "name": entry["name"],
        "datatype": control_datatype(control).value,
        "kind": control["kind"].removeprefix("CONTROL_SEQUENCE_"),
        "false_true": [float(value) for value in values] or None,
    }


def _state(entry: Mapping[str, Any], configuration: ModelConfiguration) -> dict[str, Any]:
    initial = next(iter(entry["initial_state"]), None)
    content = configuration.initial_states.get(entry["input_name"])
    return {
        "input": entry["input_name"],
        "output": entry["output_name"],
        "datatype": DataType.from_config(entry["data_type"]).value,
        "dims": entry["dims"],
        # As in Triton, a dimension of any size is 1 in the beginning.
        "initial_dims": initial["dims"] if initial else [max(extent, 1) for extent in entry["dims"]],
        "initial": None if content is None else content.hex(),
    }
