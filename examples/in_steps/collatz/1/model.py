"""Halves even numbers, triples odd ones and adds one, until nothing but one is left."""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """A model that makes one step at a time; what it has to remember lies in the server."""

    def execute(self, requests: list[Any]) -> None:
        """Make one step of each request."""
        for request in requests:
            self._step(request)

    def _step(self, request: Any) -> None:
        is_first = bool(_read(request, "START"))
        before = _read(request, "NUMBER" if is_first else "BEFORE")
        after = before // 2 if before % 2 == 0 else before * 3 + 1
        value = np.array([[after]], dtype=np.int64)
        response = pb_utils.InferenceResponse(
            [pb_utils.Tensor("STEP", value), pb_utils.Tensor("AFTER", value)]
        )
        sender = request.get_response_sender()
        if after <= 1:
            sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
            return
        request.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
        sender.send(response)


def _read(request: Any, name: str) -> int:
    return int(pb_utils.get_input_tensor_by_name(request, name).as_numpy().ravel()[0])
