"""Adds up its inputs in a state that the server keeps."""

from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Remembers nothing itself."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer with the sum so far, which is the next state as well."""
        return [self.answer(request) for request in requests]

    def answer(self, request: Any) -> Any:
        """Answer one."""
        value = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
        total = value + pb_utils.get_input_tensor_by_name(request, "STATE_IN").as_numpy()
        outputs = [pb_utils.Tensor(name, total) for name in ("OUTPUT0", "STATE_OUT")]
        return pb_utils.InferenceResponse(outputs)
