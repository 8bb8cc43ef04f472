"""A model whose process ends while it is initialized."""

import os
from typing import Any


class TritonPythonModel:
    def initialize(self, arguments: dict[str, str]) -> None:
        del arguments
        os._exit(7)

    def execute(self, requests: list[Any]) -> list[Any]:
        return requests
