"""Multiplies by the factor that the configuration says."""

import json
from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the factor."""
        parameters = json.loads(args["model_config"])["parameters"]
        self.factor = float(parameters["factor"]["string_value"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Multiply."""
        numbers = [pb_utils.get_input_tensor_by_name(request, "NUMBER").as_numpy() for request in requests]
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("SCALED", (one * self.factor).astype(one.dtype))])
            for one in numbers
        ]
