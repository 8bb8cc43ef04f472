"""What the bricks make of sequence batching: inputs that the server fills, states, requests handed back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from doubles.batch import BatchDouble, RequestDouble
from repositories.models import make_context, make_source, read_template, tensor
from support.sequences import make_sum
from trilith.bricks.backends.onnxruntime import OnnxRuntimeBackend
from trilith.bricks.backends.python import PythonBackend
from trilith.contract import DataType

STATE = {"input_name": "STATE_IN", "output_name": "STATE_OUT", "data_type": "TYPE_INT32", "dims": [1]}
START = {
    "name": "START",
    "control": [{"kind": "CONTROL_SEQUENCE_START", "bool_false_true": [False, True]}],
}
NUMBER = tensor("INPUT0", DataType.INT32, 1)
SUM = tensor("OUTPUT0", DataType.INT32, 1)
ONE = np.array([[1]], np.int32)


def start(backend: Any, tmp_path: Path, files: dict[str, Any], batching: dict[str, Any]) -> Any:
    source = make_source(tmp_path, "m", files)
    policy = batching.pop("policy", {})
    document = {"sequence_batching": batching, "model_transaction_policy": policy}
    context = make_context(source, [NUMBER], [SUM], document=document)
    return backend.load(context).create_instance(context.placements[0])


def test_a_network_with_a_state_fits_its_configuration(tmp_path: Path) -> None:
    instance = start(OnnxRuntimeBackend(), tmp_path, {"model.onnx": make_sum()}, {"state": [STATE]})
    batch = BatchDouble([RequestDouble({"INPUT0": ONE, "STATE_IN": ONE}, ["OUTPUT0", "STATE_OUT"])])
    assert {name: array.item() for name, array in instance.execute(batch).items()} == {
        "OUTPUT0": 2,
        "STATE_OUT": 2,
    }


def test_completion_leaves_out_what_clients_do_not_send(tmp_path: Path) -> None:
    source = make_source(tmp_path, "m", {"model.onnx": make_sum()})
    document = OnnxRuntimeBackend().complete(source, {"sequence_batching": {"state": [STATE]}})
    assert [entry["name"] for entry in document["input"]] == ["INPUT0"]
    assert [entry["name"] for entry in document["output"]] == ["OUTPUT0"]
    assert "dynamic_batching" not in document


def test_a_python_model_gives_its_states_with_its_outputs(tmp_path: Path) -> None:
    files = {"model.py": read_template("remembering")}
    instance = start(PythonBackend(), tmp_path, files, {"state": [STATE]})
    request = RequestDouble({"INPUT0": ONE, "STATE_IN": ONE}, ["OUTPUT0", "STATE_OUT"])
    BatchDouble([request]).run(instance)
    assert request.outputs is not None
    assert {name: array.item() for name, array in request.outputs.items()} == {"OUTPUT0": 2, "STATE_OUT": 2}


def test_a_python_model_hands_requests_back(tmp_path: Path) -> None:
    files = {"model.py": read_template("iterating")}
    instance = start(PythonBackend(), tmp_path, files, {"control_input": [START]})
    requests = [
        RequestDouble(
            {"INPUT0": ONE * runs, "START": np.array([[True]])}, ["OUTPUT0"], correlation_id=runs, flags=1
        )
        for runs in (1, 2)
    ]
    BatchDouble(requests).run(instance)
    assert [request.is_rescheduled for request in requests] == [False, True]


@pytest.mark.parametrize(("flags", "message"), [(1, "returned None"), (7, "set_release_flags(7)")])
def test_a_request_is_not_handed_back_by_mistake(tmp_path: Path, flags: int, message: str) -> None:
    code = f"""
class TritonPythonModel:
    def execute(self, requests):
        requests[0].set_release_flags({flags})
        return [None]
"""
    instance = start(PythonBackend(), tmp_path, {"model.py": code}, {})
    (request,) = BatchDouble([RequestDouble({"INPUT0": ONE}, ["OUTPUT0"])]).run(instance)
    assert request.error is not None
    assert message in request.error[0]


def test_a_decoupled_python_model_hands_requests_back_between_responses(tmp_path: Path) -> None:
    code = """
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            given = pb_utils.get_input_tensor_by_name(request, "INPUT0")
            tensor = pb_utils.Tensor("OUTPUT0", given.as_numpy())
            request.get_response_sender().send(pb_utils.InferenceResponse([tensor]))
            request.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
"""
    instance = start(PythonBackend(), tmp_path, {"model.py": code}, {"policy": {"decoupled": True}})
    request = RequestDouble({"INPUT0": ONE}, ["OUTPUT0"])
    BatchDouble([request]).run(instance)
    assert request.is_rescheduled
    assert request.sender is not None
    assert len(request.sender.sent) == 1
