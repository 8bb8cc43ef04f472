"""Backends for tests of the runtime, each with one trait."""

import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from trilith.contract import (
    Batch,
    ConfigurationError,
    ErrorCode,
    Instance,
    LoadedModel,
    LoadError,
    ModelContext,
    ModelError,
    ModelSource,
    Placement,
    Problem,
)

TENSORS = {
    "max_batch_size": 8,
    "input": [{"name": "IN", "data_type": "TYPE_FP32", "dims": [4]}],
    "output": [{"name": "OUT", "data_type": "TYPE_FP32", "dims": [4]}],
}


class Echo:
    """Gives its input back; what else it does, a parameter ``do`` of the model says.

    It is an instance, a loaded model and a backend in one.
    """

    def __init__(self) -> None:
        self.do = ""
        self.closed: list[str] = []

    def complete(self, source: ModelSource, document: dict[str, Any]) -> dict[str, Any]:
        if (source.directory / "refuse-complete").exists():
            raise LoadError("the model's file is not readable")
        return {**TENSORS, **document}

    def load(self, context: ModelContext) -> LoadedModel:
        self.do = context.configuration.parameters.get("do", "")
        marker = context.source.version_directory / "die-at-load"
        if self.do == "die-at-load" or marker.exists():
            os._exit(3)
        if self.do == "refuse-load":
            raise LoadError("the weights are cut short")
        if self.do == "contradict":
            problem = Problem("does not fit the model", field="max_batch_size", suggestion="write 4")
            raise ConfigurationError([problem])
        if self.do == "crash-load":
            raise ZeroDivisionError("by zero")
        return self

    def create_instance(self, placement: Placement) -> Instance:
        if self.do == f"refuse-{placement.name}":
            raise LoadError("no room for this instance")
        return self

    def execute(self, batch: Batch) -> Mapping[str, NDArray[Any]] | None:
        first = float(batch.inputs["IN"].flat[0])
        if first == -1:
            raise ModelError("it is busy", ErrorCode.UNAVAILABLE)
        if first == -2:
            raise KeyError("OUT")
        if first == -3:
            sys.exit(4)
        if first == -9:
            os.kill(os.getpid(), signal.SIGKILL)
        if first == -10:
            batch.inputs["IN"] = batch.inputs["IN"] * 0 + os.getpid()
        return {"OUT": batch.inputs["IN"]}

    def close(self) -> None:
        self.closed.append("closed")
        if self.do == "crash-close":
            raise ValueError("while closing")
