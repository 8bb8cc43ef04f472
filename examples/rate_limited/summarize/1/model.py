"""Works for a while, and says from when to when."""

import time
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """A model that wants the machine for itself."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Take as long as each request says."""
        return [self._work(request) for request in requests]

    def _work(self, request: Any) -> Any:
        began = time.monotonic()
        time.sleep(float(pb_utils.get_input_tensor_by_name(request, "SECONDS").as_numpy()[0]))
        ran = np.array([began, time.monotonic()])
        return pb_utils.InferenceResponse([pb_utils.Tensor("RAN", ran)])
