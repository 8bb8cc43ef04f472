"""What command lines and models written for Triton's python backend say, taken as it stands."""

import json
from pathlib import Path

import pytest

from support.folders import describe, write_model
from support.server import ServerProcess

FLAGS = tuple(
    f"--backend-config=python,{setting}"
    for setting in (
        "shm-default-byte-size=1048576",
        "shm-growth-byte-size=1048576",
        "stub-timeout-seconds=30",
        "stub-health-timeout-seconds=30",
        "shm-region-prefix-name=prefix",
    )
)
LOOKING = """
import json
from pathlib import Path
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            tensor = pb_utils.get_input_tensor_by_name(request, "IN")
            seen = {
                "on the CPU": tensor.is_cpu(),
                "datatype": tensor.triton_dtype(),
                "shape": list(tensor.shape()),
                "device": tensor.__dlpack_device__()[1],
                "finds its folder": (Path(pb_utils.get_model_dir()) / "model.py").is_file(),
                "timeout": request.timeout(),
                "cancelled": request.is_cancelled(),
            }
            told = pb_utils.Tensor("OUT", np.array([[json.dumps(seen).encode()]], np.object_))
            responses.append(pb_utils.InferenceResponse([told]))
        return responses
"""
SIGNATURE = ([("IN", "FP32", [2])], [("OUT", "BYTES", [1])])


@pytest.mark.parametrize("forced", ["yes", "no"])
def test_settings_of_the_python_backend_are_taken(tmp_path: Path, forced: str) -> None:
    config = describe("python", *SIGNATURE, parameters={"FORCE_CPU_ONLY_INPUT_TENSORS": forced})
    write_model(tmp_path, "looking", config, {"model.py": LOOKING})
    tensor = {"name": "IN", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}
    body = json.dumps({"inputs": [tensor], "parameters": {"timeout": 30_000_000}}).encode()
    with ServerProcess(tmp_path, *FLAGS) as server:
        status, answer = server.request("POST", "/v2/models/looking/infer", body)
    assert status == 200, answer
    assert json.loads(json.loads(answer)["outputs"][0]["data"][0]) == {
        "on the CPU": True,
        "datatype": 11,
        "shape": [1, 2],
        "device": 0,
        "finds its folder": True,
        "timeout": 30_000_000,
        "cancelled": False,
    }
