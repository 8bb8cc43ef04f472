"""A model whose file is held against a checksum before it is loaded."""

from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Gives back its input."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request."""
        answers = []
        for request in requests:
            values = pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUT", values)]))
        return answers
