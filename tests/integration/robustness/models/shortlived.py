"""A model that can be loaded once: its process ends with its first request, and while it is loaded again."""

import os
from pathlib import Path
from typing import Any


class TritonPythonModel:
    def initialize(self, arguments: dict[str, str]) -> None:
        marker = Path(arguments["model_repository"]) / "lived"
        if marker.exists():
            os._exit(7)
        marker.touch()

    def execute(self, requests: list[Any]) -> list[Any]:
        del requests
        os._exit(8)
