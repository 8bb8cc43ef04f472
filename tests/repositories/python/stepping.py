"""Answers each request as often as it says, once in each of its runs. Written as for Triton."""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Counts the runs of each sequence."""

    def initialize(self, args: dict[str, str]) -> None:
        """Start without sequences."""
        del args
        self.runs: dict[int | str, int] = {}

    def execute(self, requests: list[Any]) -> None:
        """Answer each one, and hand back those to which more is answered."""
        for request in requests:
            self.run(request)

    def run(self, request: Any) -> None:
        """Run one."""
        identifier = request.correlation_id()
        start = pb_utils.get_input_tensor_by_name(request, "START").as_numpy().item()
        runs = self.runs[identifier] = 1 if start else self.runs[identifier] + 1
        sender = request.get_response_sender()
        response = pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", np.array([[runs]], np.int32))])
        if runs < pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy().item():
            sender.send(response)
            request.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
            return
        del self.runs[identifier]
        sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
