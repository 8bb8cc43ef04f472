"""Runs unchanged ``model.py`` files written for Triton's Python backend.

Each instance imports the model's code anew and has a model object of its own. By default each lives in a
worker process of its own as well, which is the runtime's business: nothing here knows of it.
"""

from typing import Any

from trilith.bricks.backends.python.completion import complete_document
from trilith.bricks.backends.python.files import find_model_file
from trilith.bricks.backends.python.instance import PythonInstance
from trilith.bricks.backends.python.loader import ModelCode
from trilith.contract import ModelContext, ModelSource, Placement

__all__ = ["PythonBackend"]


class PythonBackend:
    """Loads Python models."""

    def __init__(self) -> None:
        """Start without any."""
        self._imported: dict[tuple[str, int], ModelCode] = {}

    def complete(self, source: ModelSource, document: dict[str, Any]) -> dict[str, Any]:
        """Let the model's ``auto_complete_config`` fill in the document, where it has one.

        The code imported for this is the one that the model's first instance runs.
        """
        code = ModelCode(source, find_model_file(source, document))
        completed = complete_document(source, document, code.model)
        self._imported[source.name, source.version] = code
        return completed

    def load(self, context: ModelContext) -> "PythonModel":
        """Find the model's file; its code runs when instances are made."""
        source, configuration = context.source, context.configuration
        find_model_file(source, configuration.document)
        return PythonModel(context, self._imported.pop((source.name, source.version), None))


class PythonModel:
    """A Python model, of which nothing is in memory before its first instance."""

    def __init__(self, context: ModelContext, imported: ModelCode | None) -> None:
        """Keep what the instances are told, and code that was imported already."""
        self._context = context
        self._imported = [imported] if imported is not None else []

    def create_instance(self, placement: Placement) -> PythonInstance:
        """Import the code, make the model's object and initialize it."""
        return PythonInstance(self._context, placement, self._take_code())

    def _take_code(self) -> ModelCode:
        try:
            # Popping is atomic: instances may be made in several threads.
            return self._imported.pop()
        except IndexError:
            source = self._context.source
            return ModelCode(source, find_model_file(source, self._context.configuration.document))

    def close(self) -> None:
        """Nothing is shared."""
        self._imported.clear()
