"""Squares numbers, and takes its time for it."""

import time
from typing import Any

import triton_python_backend_utils as pb_utils

SECONDS = 0.3


class TritonPythonModel:
    """A model that is worth asking once."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Square the number of each request."""
        time.sleep(SECONDS)
        numbers = [pb_utils.get_input_tensor_by_name(request, "NUMBER").as_numpy() for request in requests]
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("SQUARE", number * number)]) for number in numbers
        ]
