"""Adds up the inputs of each sequence, and tells what the control inputs say. Written as for Triton."""

import json
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

CONTROLS = ("START", "READY", "END", "CORRID")


def read(request: Any, name: str) -> Any:
    """Return the one value of an input."""
    value = pb_utils.get_input_tensor_by_name(request, name).as_numpy().item()
    return value.decode() if isinstance(value, bytes) else value


class TritonPythonModel:
    """Remembers sequences by their correlation id."""

    def initialize(self, args: dict[str, str]) -> None:
        """Start without sequences."""
        self.sums: dict[int | str, int] = {}
        self.instance = args["model_instance_name"]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each row; those without a request too, as Triton has it."""
        rows = [bool(read(request, "READY")) for request in requests]
        return [self.answer(request, rows) for request in requests]

    def answer(self, request: Any, rows: list[bool]) -> Any:
        """Answer one row."""
        told = {name: read(request, name) for name in CONTROLS}
        if told["READY"]:
            identifier = request.correlation_id()
            before = 0 if told["START"] else self.sums[identifier]
            self.sums[identifier] = before + read(request, "INPUT0")
        total = self.sums.get(request.correlation_id(), 0)
        shape = pb_utils.get_input_tensor_by_name(request, "INPUT0").shape()
        told |= {"rows": rows, "flags": request.flags(), "instance": self.instance}
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("SUM", np.full(shape, total, np.int32)),
                pb_utils.Tensor("TOLD", np.full(shape, json.dumps(told), np.object_)),
            ]
        )
