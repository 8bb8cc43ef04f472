"""Runs the Python that a request holds and answers with what it prints; another piece runs in initialize."""

import contextlib
import io
import json
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Remembers, from piece to piece, what was given a name."""

    def initialize(self, args: dict[str, str]) -> None:
        """Keep what pieces may use, and run the first."""
        self.names: dict[str, Any] = {"pb_utils": pb_utils, "np": np, "args": args}
        parameters = json.loads(args["model_config"])["parameters"]
        self.finalizing = parameters.get("finalize", {}).get("string_value", "")
        self.run(parameters.get("initialize", {}).get("string_value", ""))

    def execute(self, requests: list[Any]) -> list[Any]:
        """Run the piece of each request."""
        return [self.answer(request) for request in requests]

    def answer(self, request: Any) -> Any:
        """Run the piece of one."""
        self.names["request"] = request
        code = request.inputs()[0].as_numpy().flatten()[0].decode()
        printed = self.run(code).encode()
        return pb_utils.InferenceResponse([pb_utils.Tensor("SAID", np.array([printed], np.object_))])

    def run(self, code: str) -> str:
        """Run a piece; what it prints."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, self.names)  # noqa: S102 - the test says what
        return printed.getvalue()

    def finalize(self) -> None:
        """Run the last piece, and forget everything."""
        self.run(self.finalizing)
        self.names.clear()
