"""Fails each request as its parameter ``how`` says: by a code of ``TritonError``, or by raising."""

import json
from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request with its own error; without ``how`` give its input back."""
        return [self.answer(request) for request in requests]

    def answer(self, request: Any) -> Any:
        """Answer one."""
        how = json.loads(request.parameters() or "{}").get("how")
        if how is None:
            array = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
            return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", array)])
        if how == "raise":
            raise ValueError("the model raised this")
        code = getattr(pb_utils.TritonError, how)
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"told to say {how}", code))
