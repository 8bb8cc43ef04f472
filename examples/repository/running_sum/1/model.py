"""The sum of all numbers that a sequence has sent."""

# Triton makes the classes named below only after it has read this file.
from __future__ import annotations

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that the backend looks for. It remembers nothing: what it gives as state comes back to it."""

    def execute(self, requests: list[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        """Answer a batch: one response per request, each of another sequence."""
        responses = []
        for request in requests:
            number = pb_utils.get_input_tensor_by_name(request, "NUMBER").as_numpy()
            total = pb_utils.get_input_tensor_by_name(request, "SUM_BEFORE").as_numpy() + number
            outputs = [pb_utils.Tensor("SUM", total), pb_utils.Tensor("SUM_AFTER", total)]
            responses.append(pb_utils.InferenceResponse(output_tensors=outputs))
        return responses
