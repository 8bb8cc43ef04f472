"""Answers each request in the name of the tenant that its header names."""

import json
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request."""
        return [self.answer(request) for request in requests]

    def answer(self, request: Any) -> Any:
        """Put the tenant in front of the text."""
        tenant = json.loads(request.parameters()).get("x-tenant", "nobody")
        text = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy().ravel()[0].decode()
        named = np.array([[f"{tenant}: {text}"]], dtype=object)
        return pb_utils.InferenceResponse([pb_utils.Tensor("TEXT_FOR_TENANT", named)])
