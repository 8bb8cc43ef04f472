"""Gives back its input once the test allows it; see ``support/gate.py``."""

import json
import os
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the pipes."""
        self.folder = Path(json.loads(args["model_config"])["parameters"]["gate"]["string_value"])
        self.arrivals = os.open(self.folder / "arrivals", os.O_WRONLY)
        self.permits = os.open(self.folder / "permits", os.O_RDONLY)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Say who is here, wait for leave, answer."""
        ids = [request.request_id() for request in requests]
        pipe = self.open_pipe(ids[0])  # before anybody hears of it, who may take the pipe away
        os.write(self.arrivals, f"{json.dumps(ids)}\n".encode())
        os.read(pipe, 1)
        if pipe != self.permits:
            os.close(pipe)
        return [self.answer(request) for request in requests]

    def open_pipe(self, request_id: str) -> int:
        """Open the pipe that its permit comes through: one of its own where there is such a pipe."""
        own = self.folder / f"permits_{request_id}"
        return os.open(own, os.O_RDONLY) if own.exists() else self.permits

    def answer(self, request: Any) -> Any:
        """Give the input back."""
        array = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", array)])
