"""Counts the letters of a text."""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Count in each text."""
        responses = []
        for request in requests:
            texts = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy()
            counts = np.array([len(b"".join(text.split()).decode()) for text in texts.flat], np.int32)
            output = pb_utils.Tensor("COUNT", counts.reshape(texts.shape))
            responses.append(pb_utils.InferenceResponse([output]))
        return responses
