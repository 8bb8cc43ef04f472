"""Tells the states of versions; of several loads of one version, only the latest is heard."""

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trilith import native


class Announcer:
    """Between the lives of models and the index.

    A model that is loaded again and the load before it, which finishes its requests, know the same versions.
    Whoever claimed a version last speaks for it.
    """

    def __init__(self, server: "native.Server") -> None:
        """Speak to a server's index."""
        self._server = server
        self._lock = threading.Lock()
        self._speakers: dict[tuple[str, int | None], object] = {}

    def claim(self, speaker: object, model: str, versions: Iterable[int | None]) -> None:
        """Speak for these versions from now on."""
        with self._lock:
            self._speakers.update({(model, version): speaker for version in versions})

    def tell(self, speaker: object, key: tuple[str, int | None], state: str, reason: str = "") -> None:
        """Tell the state of a model and version, if the speaker is the one who speaks for it."""
        with self._lock:
            if self._speakers.get(key) is speaker:
                self._server.set_state(*key, state, reason)

    def forget(self, speaker: object, key: tuple[str, int | None]) -> None:
        """Remove a model and version from the index, if the speaker is the one who speaks for it."""
        with self._lock:
            if self._speakers.get(key) is speaker:
                del self._speakers[key]
                self._server.forget(*key)
