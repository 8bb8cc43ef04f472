"""Gives each ``INPUT...`` back as ``OUTPUT...``; plain enough for either server."""

from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request with its inputs."""
        return [
            pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(tensor.name().replace("INPUT", "OUTPUT"), tensor.as_numpy())
                    for tensor in request.inputs()
                ]
            )
            for request in requests
        ]
