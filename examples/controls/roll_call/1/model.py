"""Keeps a list for each sequence, from the request that starts it to the one that ends it."""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def initialize(self, _: dict[str, str]) -> None:
        """Begin without lists."""
        self.lists: dict[int, list[str]] = {}

    def execute(self, requests: list[Any]) -> list[Any]:
        """Add a name to each list; requests of one batch belong to different sequences."""
        return [self.call(request) for request in requests]

    def call(self, request: Any) -> Any:
        """Add one name, and tell the list."""

        def read(name: str) -> Any:
            return pb_utils.get_input_tensor_by_name(request, name).as_numpy().flat[0]

        if not read("READY"):  # nobody reads what is answered
            nothing = pb_utils.Tensor("CALLED", np.array([[""]], np.object_))
            return pb_utils.InferenceResponse([nothing])
        sequence = int(read("CORRID"))
        if read("START"):
            self.lists[sequence] = []
        called = self.lists[sequence]
        called.append(read("NAME").decode())
        if read("END"):
            del self.lists[sequence]
        told = np.array([[f"{sequence}: {', '.join(called)}"]], np.object_)
        return pb_utils.InferenceResponse([pb_utils.Tensor("CALLED", told)])
