"""A model that raises while it is initialized."""

from typing import Any


class TritonPythonModel:
    def initialize(self, arguments: dict[str, str]) -> None:
        raise KeyError(arguments["model_name"])

    def execute(self, requests: list[Any]) -> list[Any]:
        return requests
