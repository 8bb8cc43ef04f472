"""A model that says itself whether it is ready."""

from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Gives back its input."""

    def initialize(self, args: dict[str, str]) -> None:
        """Find the folder."""
        self.sign = Path(args["model_repository"]) / "DRAIN"

    def is_ready(self) -> bool:
        """Say whether requests may come; asked with every look at ``/v2/models/drained/ready``."""
        return not self.sign.exists()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer."""
        arrays = [pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", array)]) for array in arrays]
