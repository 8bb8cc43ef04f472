"""Greets."""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """A model that others ask."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request with a greeting."""
        names = (request.inputs()[0].as_numpy()[0].decode() for request in requests)
        answers = (np.array([f"Hello {name}".encode()], np.object_) for name in names)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("ANSWER", answer)]) for answer in answers]
