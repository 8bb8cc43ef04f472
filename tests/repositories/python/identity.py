"""Gives each ``INPUT<n>`` back as ``OUTPUT<n>``."""

from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request with its inputs."""
        responses = []
        for request in requests:
            outputs = [
                pb_utils.Tensor.from_dlpack(tensor.name().replace("INPUT", "OUTPUT"), tensor)
                if tensor.triton_dtype() == 14
                else pb_utils.Tensor(tensor.name().replace("INPUT", "OUTPUT"), tensor.as_numpy())
                for tensor in request.inputs()
            ]
            responses.append(pb_utils.InferenceResponse(output_tensors=outputs))
        return responses
