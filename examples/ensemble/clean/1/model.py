"""Takes everything out of a text that is neither a letter nor a space."""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Clean each text."""
        responses = []
        for request in requests:
            texts = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy()
            cleaned = [
                "".join(sign for sign in text.decode() if sign.isalpha() or sign.isspace())
                for text in texts.flat
            ]
            array = np.array(cleaned, np.object_).reshape(texts.shape)
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("CLEAN", array)]))
        return responses
