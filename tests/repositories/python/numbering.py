"""Gives its input back with the number of its run, which tells when it was made; refuses what is negative."""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Counts what it is asked."""

    def initialize(self, args: dict[str, str]) -> None:
        """Start before the first run."""
        del args
        self.run = 0

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request with the number of its run."""
        return [self.answer(request) for request in requests]

    def answer(self, request: Any) -> Any:
        """Answer one request."""
        self.run += 1
        given = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
        if given.min() < 0:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"negative in run {self.run}"))
        run = np.full((given.shape[0], 1), self.run, np.int32)
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", given), pb_utils.Tensor("RUN", run)])
