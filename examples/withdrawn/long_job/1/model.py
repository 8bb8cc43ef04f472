"""Works in small steps, and stops between two of them where nobody waits for the answer any more."""

import time
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

STEP = 0.02


class TritonPythonModel:
    """A model whose requests take long."""

    def initialize(self, _: dict[str, str]) -> None:
        """Begin without a past."""
        self._before = "there was none"

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request with what became of the job before it."""
        return [self._work(request) for request in requests]

    def _work(self, request: Any) -> Any:
        wanted = float(pb_utils.get_input_tensor_by_name(request, "SECONDS").as_numpy()[0])
        before, done = self._before, 0.0
        while done < wanted and not request.is_cancelled():
            time.sleep(STEP)
            done += STEP
        self._before = "it ran to its end" if done >= wanted else "it was given up"
        if done < wanted:
            error = pb_utils.TritonError("nobody waits for it", pb_utils.TritonError.CANCELLED)
            return pb_utils.InferenceResponse(error=error)
        told = np.array([before.encode()], dtype=np.object_)
        return pb_utils.InferenceResponse([pb_utils.Tensor("BEFORE", told)])
