"""Tells what a module of its environment says."""

import importlib
import sys
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Import what is asked for."""
        return [self.tell(request) for request in requests]

    def tell(self, request: Any) -> Any:
        """Answer with the module's first line, or with the reason why there is none."""
        name = pb_utils.get_input_tensor_by_name(request, "MODULE").as_numpy()[0].decode()
        try:
            text = (importlib.import_module(name).__doc__ or "it says nothing").strip().partition("\n")[0]
        except ImportError as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"{error}, in {sys.prefix}"))
        return pb_utils.InferenceResponse([pb_utils.Tensor("TOLD", np.array([text], np.object_))])
