"""Asks the model `doubling` twice: for the sake of the request that it answers, and without saying so."""

from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Tells the headers of the request's trace in a parameter of the response."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer with what the first of the two calls gave."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        inputs = [pb_utils.get_input_tensor_by_name(request, "INPUT0")]
        asked = {"model_name": "doubling", "inputs": inputs, "requested_output_names": ["OUTPUT0"]}
        traced = pb_utils.InferenceRequest(**asked, request_id="inner", trace=request.trace()).exec()
        pb_utils.InferenceRequest(**asked).exec()
        context = request.trace().get_context()
        parameters = {} if context is None else {"context": context}
        return pb_utils.InferenceResponse(traced.output_tensors(), parameters=parameters)
