"""Many models at once: loads on a pool of threads, so that a slow one stalls nobody."""

import queue
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from trilith.runtime.life import ModelLife

DEFAULT_THREADS = 4


class Loader:
    """A pool of threads that load models, and the models that it was given."""

    def __init__(self, threads: int = DEFAULT_THREADS) -> None:
        """Start the threads; they are daemons, for a load that hangs must not keep the server from ending."""
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._began: dict[str, float] = {}
        self.lives: dict[str, ModelLife] = {}
        for index in range(max(1, threads)):
            threading.Thread(target=self._run, name=f"loader-{index}", daemon=True).start()

    def load(self, lives: Iterable[ModelLife], done: Callable[[ModelLife], None]) -> None:
        """Load models; ``done`` is called for each, on a thread of the pool, whether it worked or not."""
        for life in lives:
            self.lives[life.folder.name] = life
            self._work.put(partial(self._load, life, done))

    def loading(self) -> dict[str, float]:
        """Models that are being loaded right now, and for how many seconds."""
        now = time.monotonic()
        with self._lock:
            return {name: now - began for name, began in self._began.items()}

    def unload_all(self, timeout: float) -> list[str]:
        """Unload every model, side by side; names of those that did not end within so many seconds."""
        clean: dict[str, bool] = {}

        def unload(life: ModelLife) -> None:
            clean[life.folder.name] = life.unload(timeout)

        threads = [
            threading.Thread(target=unload, args=(life,), name=f"unload-{name}", daemon=True)
            for name, life in self.lives.items()
        ]
        for thread in threads:
            thread.start()
        end = time.monotonic() + timeout + 1.0  # for the last words of workers that are killed
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        return [name for name in self.lives if not clean.get(name, False)]

    def _load(self, life: ModelLife, done: Callable[[ModelLife], None]) -> None:
        name = life.folder.name
        with self._lock:
            self._began[name] = time.monotonic()
        try:
            life.load()
        finally:
            with self._lock:
                del self._began[name]
            done(life)

    def _run(self) -> None:
        while True:
            self._work.get()()
