"""Gives each number twice."""

from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Says in the log, verbosely, what it does."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request."""
        pb_utils.Logger.log_verbose("doubling verbosely")
        pb_utils.Logger.log_info("doubling for all to know")
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        values = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", values * 2)])
