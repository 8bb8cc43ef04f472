"""Begins a letter: with an input that may be missing, and parameters of the request and of the answer."""

import json
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Write to everybody."""
        return [self.write(request) for request in requests]

    def write(self, request: Any) -> Any:
        """Write one letter."""
        # Parameters are what is said about a request rather than in it: text, numbers, truth values.
        greeting = json.loads(request.parameters() or "{}").get("greeting", "Dear")
        name = pb_utils.get_input_tensor_by_name(request, "NAME").as_numpy()[0].decode()
        # Of an input that was left out there is no tensor.
        title = pb_utils.get_input_tensor_by_name(request, "TITLE")
        words = [greeting, *([title.as_numpy()[0].decode()] if title else []), name]
        letter = pb_utils.Tensor("LETTER", np.array([" ".join(words) + ","], np.object_))
        told = {"words": len(words), "formal": title is not None}
        return pb_utils.InferenceResponse([letter], parameters=told)
