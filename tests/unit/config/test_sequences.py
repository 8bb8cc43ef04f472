import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trilith import config
from trilith.contract import ConfigurationError, DataType, ModelConfiguration

Finish = Callable[[str], ModelConfiguration]

TENSORS = """
max_batch_size: 8
input { name: "A" data_type: TYPE_FP32 dims: [ 4 ] }
output { name: "B" data_type: TYPE_FP32 dims: [ 4 ] }
"""
CONTROLS = """
  control_input { name: "START" control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ -1, 2 ] } }
  control_input { name: "END" control { kind: CONTROL_SEQUENCE_END bool_false_true: [ false, true ] } }
  control_input { name: "ID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING } }
"""
STATE = """state {
  input_name: "IN" output_name: "OUT" data_type: TYPE_INT32 dims: [ -1, 2 ]
  initial_state { name: "begin" data_type: TYPE_INT32 dims: [ 1, 2 ] data_file: "begin" }
}"""


def sequence(configuration: ModelConfiguration) -> Any:
    return json.loads(config.native_spec(configuration, 1))["sequence"]


def test_a_model_without_sequences_says_so(finish: Finish) -> None:
    assert sequence(finish(TENSORS)) is None


def test_what_is_left_open_is_a_second_and_the_direct_strategy(finish: Finish) -> None:
    assert sequence(finish(TENSORS + "sequence_batching { }")) == {
        "max_idle_microseconds": 1_000_000,
        "iterative": False,
        "strategy": {"direct": {"max_queue_delay_microseconds": 0, "minimum_slot_utilization": 0.0}},
        "controls": [],
        "states": [],
    }


def test_the_oldest_strategy_prefers_full_batches(finish: Finish) -> None:
    written = "sequence_batching { oldest { max_candidate_sequences: 9 } iterative_sequence: true }"
    found = sequence(finish(TENSORS + written))

    assert found["iterative"] is True
    assert found["strategy"]["oldest"] == {
        "max_candidate_sequences": 9,
        "preferred_batch_sizes": [8],
        "max_queue_delay_microseconds": 0,
    }


def test_controls_have_the_datatype_of_their_values(finish: Finish) -> None:
    configuration = finish(f"{TENSORS} sequence_batching {{ {CONTROLS} }}")

    assert [tuple(control.values()) for control in sequence(configuration)["controls"]] == [
        ("START", "FP32", "START", [-1.0, 2.0]),
        ("END", "BOOL", "END", [0.0, 1.0]),
        ("ID", "BYTES", "CORRID", None),
    ]
    assert [spec.name for spec in configuration.run_inputs] == ["A", "START", "END", "ID"]


def test_a_state_begins_with_the_bytes_of_its_file(finish: Finish, tmp_path: Path) -> None:
    (tmp_path / "initial_state").mkdir()
    (tmp_path / "initial_state" / "begin").write_bytes(bytes(range(10)))
    configuration = finish(f"{TENSORS} sequence_batching {{ {STATE} }}")

    assert sequence(configuration)["states"] == [
        {
            "input": "IN",
            "output": "OUT",
            "datatype": "INT32",
            "dims": [-1, 2],
            "initial_dims": [1, 2],
            "initial": bytes(range(8)).hex(),
        }
    ]
    assert configuration.run_outputs[-1].name == "OUT"
    assert configuration.run_outputs[-1].datatype is DataType.INT32


@pytest.mark.parametrize("content", [None, b"1234567"])
def test_a_file_that_is_missing_or_too_short_is_named(
    finish: Finish, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "initial_state").mkdir()
        (tmp_path / "initial_state" / "begin").write_bytes(content)
    with pytest.raises(ConfigurationError, match="begin"):
        finish(f"{TENSORS} sequence_batching {{ {STATE} }}")
