"""Models on their way out: each finishes its requests and then lets go of what it holds."""

import logging
import threading
import time

from trilith.repository.overrides import remove_files
from trilith.runtime.life import UNLOADED, ModelLife

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
"""Between two looks at whether the server ends and a model with requests has to hurry."""

CLOSING_SECONDS = 30.0
"""For a model without requests to let go of what it holds, before its workers are killed."""


class Departures:
    """A thread for each model that goes; a request may take as long as it likes, until the server ends."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._end = 0.0
        self._going: dict[ModelLife, threading.Thread] = {}

    def send(self, life: ModelLife, reason: str = UNLOADED) -> None:
        """Stop a model taking requests, and see it out; does not wait. The index shows why."""
        life.withdraw()
        thread = threading.Thread(
            target=self._see_out, args=(life, reason), name=f"unload-{life.folder.name}", daemon=True
        )
        with self._lock:
            self._going[life] = thread
        thread.start()

    def lives(self) -> list[ModelLife]:
        """Return what is on its way out."""
        with self._lock:
            return list(self._going)

    def hurry(self, timeout: float) -> list[ModelLife]:
        """Let everything end within so many seconds; what did not."""
        self._end = time.monotonic() + timeout
        self._hurry.set()
        with self._lock:
            threads = list(self._going.values())
        last = self._end + 1.0  # for the last words of workers that are killed
        for thread in threads:
            thread.join(max(0.0, last - time.monotonic()))
        return self.lives()

    def _see_out(self, life: ModelLife, reason: str) -> None:
        while not life.wait_idle(LOOK_SECONDS):
            if self._hurry.is_set() and time.monotonic() >= self._end:
                break
        left = max(0.0, self._end - time.monotonic()) if self._hurry.is_set() else CLOSING_SECONDS
        clean = life.finish(left, reason)
        remove_files(life.folder)
        if not clean:
            log.warning("model '%s' did not end in time", life.folder.key)
            if self._hurry.is_set():
                return  # it stays among those that are told of when the server ends
        with self._lock:
            self._going.pop(life, None)
