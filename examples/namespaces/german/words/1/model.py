"""Greets; there is a model of this name in each of the repositories."""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Greet everybody by name."""
        responses = []
        for request in requests:
            names = pb_utils.get_input_tensor_by_name(request, "NAME").as_numpy()
            greetings = np.array([f"Hallo, {name.decode()}" for name in names], np.object_)
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("GREETING", greetings)]))
        return responses
