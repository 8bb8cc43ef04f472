"""Asks the model that the parameter ``model`` of a request names, and answers with what that answers."""

import json
from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Hand each request on."""
        return [self.answer(request) for request in requests]

    def answer(self, request: Any) -> Any:
        """Hand one on; without a name, give the input back."""
        tensor = pb_utils.get_input_tensor_by_name(request, "INPUT0")
        name = json.loads(request.parameters()).get("model")
        if name is None:
            return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", tensor.as_numpy())])
        asked = pb_utils.InferenceRequest(
            model_name=name, requested_output_names=["OUTPUT0"], inputs=[tensor]
        )
        answer = asked.exec()
        if answer.has_error():
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(answer.error().message()))
        output = pb_utils.get_output_tensor_by_name(answer, "OUTPUT0")
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", output.as_numpy())])
