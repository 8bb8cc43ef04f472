"""Adds one; asked once by ``trilith build verify``."""

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The model."""

    def execute(self, requests):  # noqa: ANN001, ANN201  types of a library that only the server brings
        """Answer each request with its input plus one."""
        answers = []
        for request in requests:
            given = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", given + 1)]))
        return answers
