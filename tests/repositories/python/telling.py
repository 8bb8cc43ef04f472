"""Tells what it is given: the arguments of ``initialize``, and what it reads off each request."""

import json
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Keep the arguments."""
        self.args = args
        config = json.loads(args["model_config"])
        self.dtype = pb_utils.triton_string_to_numpy(
            pb_utils.get_output_config_by_name(config, "TOLD")["data_type"]
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request with a JSON object."""
        return [self.tell(request) for request in requests]

    def tell(self, request: Any) -> Any:
        """Answer one."""
        told = {
            "args": self.args,
            "id": request.request_id(),
            "correlation_id": request.correlation_id(),
            "flags": request.flags(),
            "timeout": request.timeout(),
            "parameters": request.parameters(),
            "outputs": sorted(request.requested_output_names()),
            "cancelled": request.is_cancelled(),
            "context": request.trace().get_context(),
            "inputs": {tensor.name(): tensor.shape() for tensor in request.inputs()},
            "directory": pb_utils.get_model_dir(),
        }
        text = np.array([[json.dumps(told)]], dtype=self.dtype)
        return pb_utils.InferenceResponse([pb_utils.Tensor("TOLD", text)])
