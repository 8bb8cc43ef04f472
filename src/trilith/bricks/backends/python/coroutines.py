"""Runs models whose ``execute`` is a coroutine."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future


class EventLoop:
    """A loop in a thread of its own, so that tasks which a model leaves behind go on between batches."""

    def __init__(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="model event loop", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Wait for a coroutine; return what it returns, raise what it raises."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def start(
        self, coroutine: Coroutine[Any, Any, Any], ended: Callable[[Any, BaseException | None], None]
    ) -> None:
        """Run a coroutine beside others; ``ended`` is called with what it returns, or with what it raises."""

        def look(done: "Future[Any]") -> None:
            if not done.cancelled():
                error = done.exception()
                ended(None if error else done.result(), error)

        asyncio.run_coroutine_threadsafe(coroutine, self._loop).add_done_callback(look)

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
