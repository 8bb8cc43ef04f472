"""The sum and the difference of two vectors, as a model of Triton's python backend."""

# Triton makes the classes named below only after it has read this file.
from __future__ import annotations

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that the backend looks for."""

    def execute(self, requests: list[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        """Answer a batch: one response per request, in order."""
        responses = []
        for request in requests:
            first = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
            second = pb_utils.get_input_tensor_by_name(request, "INPUT1").as_numpy()
            outputs = [
                pb_utils.Tensor("OUTPUT0", first + second),
                pb_utils.Tensor("OUTPUT1", first - second),
            ]
            responses.append(pb_utils.InferenceResponse(output_tensors=outputs))
        return responses
