"""How many words a text has, by asking the model that takes texts apart."""

# Triton makes the classes named below only after it has read this file.
from __future__ import annotations

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that the backend looks for."""

    def execute(self, requests: list[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        """Answer a batch: one response per request, in order."""
        return [self.count(request) for request in requests]

    def count(self, request: pb_utils.InferenceRequest) -> pb_utils.InferenceResponse:
        """Read the other model's responses one by one; the last may be empty."""
        call = pb_utils.InferenceRequest(
            model_name="words", requested_output_names=["WORD"], inputs=list(request.inputs())
        )
        count = 0
        for response in call.exec(decoupled=True):
            if response.has_error():
                return pb_utils.InferenceResponse(error=response.error())
            count += len(response.output_tensors())
        return pb_utils.InferenceResponse([pb_utils.Tensor("COUNT", np.array([count], np.int32))])
