"""What a worker process is told comes back as it was."""

import json
from pathlib import Path

from trilith.contract import (
    DataType,
    InstanceKind,
    ModelConfiguration,
    ModelContext,
    ModelSource,
    Placement,
    TensorSpec,
)
from trilith.runtime.handover import read_context, write_context

CONTEXT = ModelContext(
    ModelSource("a", 3, Path("/models/a"), Path("/models/a/3"), {"key": "value"}),
    ModelConfiguration(
        name="a",
        backend="echo",
        platform="",
        max_batch_size=8,
        inputs=(TensorSpec("IN", DataType.BYTES, (-1, 2), reshape=(2,), optional=True),),
        outputs=(TensorSpec("OUT", DataType.FP32, (), labels=("yes", "no")),),
        parameters={"isolation": "process"},
        document={"name": "a", "model_transaction_policy": {"decoupled": True}},
        serialized=b"\x00\xff\n",
    ),
    (Placement("a_0_0", InstanceKind.GPU, 1), Placement("a_0_1")),
)


def test_a_context_survives_the_way_to_a_worker() -> None:
    there = json.loads(json.dumps(write_context(CONTEXT)))
    back = read_context(there)
    assert back == CONTEXT
    assert back.configuration.inputs[0].datatype is DataType.BYTES
    assert back.placements[0].kind is InstanceKind.GPU
    assert back.configuration.is_decoupled
