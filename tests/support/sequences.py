"""Models whose requests belong to sequences."""

from pathlib import Path

import numpy as np
from onnx import helper

from repositories.models import read_template
from repositories.onnx_models import make_model
from support.folders import describe, write_model
from trilith.contract import DataType

IDLE_MICROSECONDS = 30_000_000
"""Longer than any test: sequences end only where a test means it."""

CONTROLS = """
  control_input { name: "START" control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } }
  control_input { name: "READY" control { kind: CONTROL_SEQUENCE_READY int32_false_true: [ 0, 1 ] } }
  control_input { name: "END" control { kind: CONTROL_SEQUENCE_END bool_false_true: [ false, true ] } }
  control_input { name: "CORRID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_%s } }
"""
STATE = """state {
  input_name: "STATE_IN" output_name: "STATE_OUT" data_type: TYPE_INT32 dims: [ 1 ]
  initial_state { name: "beginning" data_type: TYPE_INT32 dims: [ 1 ] data_file: "hundred" }
}"""
NUMBER = [("INPUT0", "INT32", [1])]
COUNTED = [("SUM", "INT32", [1]), ("TOLD", "BYTES", [1])]


def batching(*parts: str, idle: int = IDLE_MICROSECONDS) -> str:
    """Write a ``sequence_batching``."""
    return f"sequence_batching {{ max_sequence_idle_microseconds: {idle} {' '.join(parts)} }}"


def write_sequence_models(repository: Path) -> None:
    """Fill a repository."""
    numbers, texts = CONTROLS % "UINT64", CONTROLS % "STRING"
    count = "instance_group { count: 2 kind: KIND_CPU }"
    for name, size, more in [
        ("direct", 4, batching("direct { }", numbers)),
        ("oldest", 4, batching("oldest { max_candidate_sequences: 8 }", numbers)),
        ("text", 4, batching("oldest { max_candidate_sequences: 8 }", texts)),
        ("unbatched", 0, batching(numbers)),
        ("single", 1, batching("direct { }", numbers, idle=100_000)),
        ("patient", 1, batching("direct { }", numbers)),
        ("spread", 2, batching("direct { }", numbers) + count),
    ]:
        config = describe("python", NUMBER, COUNTED, max_batch_size=size, more=more)
        write_model(repository, name, config, {"model.py": read_template("counting")})
    iterative = batching(numbers, "iterative_sequence: true", "oldest { }")
    config = describe("python", NUMBER, [("OUTPUT0", "INT32", [1])], more=iterative)
    write_model(repository, "iterative", config, {"model.py": read_template("iterating")})
    config += "\nmodel_transaction_policy { decoupled: true }"
    write_model(repository, "steps", config, {"model.py": read_template("stepping")})
    _write_states(repository)


def _write_states(repository: Path) -> None:
    hundred = {"../initial_state/hundred": np.array([100], np.int32).tobytes()}
    visible = [("OUTPUT0", "INT32", [1]), ("STATE_OUT", "INT32", [1])]
    for name, outputs, strategy in [
        ("state_python", visible[:1], "direct { }"),
        ("state_seen", visible, "oldest { }"),
    ]:
        config = describe("python", NUMBER, outputs, more=batching(STATE, strategy))
        write_model(repository, name, config, {"model.py": read_template("remembering"), **hundred})
    config = describe("onnxruntime", NUMBER, visible[:1], more=batching(STATE, "direct { }"))
    write_model(repository, "state_onnx", config, {"model.onnx": make_sum(), **hundred})


def make_sum() -> bytes:
    """Return a network that adds its input to its state."""
    integer, shape = DataType.INT32, ("batch", 1)
    return make_model(
        [
            helper.make_node("Add", ["INPUT0", "STATE_IN"], ["STATE_OUT"]),
            helper.make_node("Identity", ["STATE_OUT"], ["OUTPUT0"]),
        ],
        [("INPUT0", integer, shape), ("STATE_IN", integer, shape)],
        [("OUTPUT0", integer, shape), ("STATE_OUT", integer, shape)],
    )
