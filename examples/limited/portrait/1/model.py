"""Uses the camera for as long as it is asked to, and says when."""

import time
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """A model that needs something of which there is only one."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Take a picture for each request; when it began and ended, by the machine's clock in nanoseconds."""
        return [self._take(request) for request in requests]

    def _take(self, request: Any) -> Any:
        seconds = pb_utils.get_input_tensor_by_name(request, "EXPOSURE").as_numpy().item()
        began = time.monotonic_ns()
        time.sleep(seconds)
        taken = np.array([[began, time.monotonic_ns()]], np.int64)
        return pb_utils.InferenceResponse([pb_utils.Tensor("TAKEN", taken)])
