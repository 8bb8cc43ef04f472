"""Runs on each request as often as the request says, before it answers. Written as for Triton."""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Counts the runs of each sequence."""

    def initialize(self, args: dict[str, str]) -> None:
        """Start without sequences."""
        del args
        self.runs: dict[int | str, int] = {}

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer those that have run often enough, and hand back the rest."""
        return [self.run(request) for request in requests]

    def run(self, request: Any) -> Any:
        """Run one."""
        identifier = request.correlation_id()
        start = pb_utils.get_input_tensor_by_name(request, "START").as_numpy().item()
        runs = self.runs[identifier] = 1 if start else self.runs[identifier] + 1
        if runs < pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy().item():
            request.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
            return None
        del self.runs[identifier]
        output = pb_utils.Tensor("OUTPUT0", np.array([[runs]], np.int32))
        return pb_utils.InferenceResponse([output])
