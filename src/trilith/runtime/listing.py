"""What the index shows beside the models that are loaded: all that lies in the repositories."""

import threading
from collections.abc import Collection
from typing import TYPE_CHECKING

from trilith.runtime.life import State

if TYPE_CHECKING:
    from trilith import native
    from trilith.repository import Inventory


class Listing:
    """Keeps the index up to date with the repositories."""

    def __init__(self, server: "native.Server") -> None:
        """Start with nothing listed."""
        self._server = server
        self._lock = threading.Lock()
        self._listed: set[str] = set()

    def add(self, key: str) -> None:
        """List a model that was loaded, until its folder is gone."""
        with self._lock:
            self._listed.add(key)

    def update(self, inventory: "Inventory", loaded: Collection[str], leaving: Collection[str]) -> None:
        """Add what is not in the index, and take out what went from the repositories without being loaded.

        Args:
            inventory: of the repositories.
            loaded: keys of models that are loaded.
            leaving: keys of models that finish their last requests.
        """
        present = {folder.key for folder in inventory.models}
        known = {key for key, *_ in self._server.index()}
        for key in present - known:
            self._server.set_state(key, None, State.UNKNOWN, "")
        for key, reason in inventory.refused.items():
            if key not in loaded:
                self._server.set_state(key, None, State.UNAVAILABLE, reason)
        present |= inventory.refused.keys()
        with self._lock:
            gone = self._listed - present - set(loaded) - set(leaving)
            self._listed = (self._listed | present) - gone
        for key in gone:
            self._server.forget(key, None)
