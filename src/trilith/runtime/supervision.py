"""Keeps one instance in a worker process alive: started again when it dies, later each time."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trilith.contract import LoadError
from trilith.runtime.clock import Clock, SystemClock
from trilith.runtime.workers import LAST_WORDS_SECONDS, Worker

if TYPE_CHECKING:
    from trilith import native
    from trilith.runtime.readiness import FarQuestion

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backoff:
    """How long to wait before a worker is started again."""

    first: float = 0.1
    limit: float = 10.0
    healthy: float = 30.0
    """Seconds after which a worker's death is no longer counted as a repetition of the one before."""
    attempts: int = 8
    """Starts that may fail in a row (about half a minute) before the instance is given up."""

    def delay(self, deaths: int) -> float:
        """Seconds to wait after that many deaths in a row."""
        return min(self.limit, self.first * 2.0 ** min(deaths - 1, 30))


@dataclass(frozen=True)
class Supervised:
    """What a supervisor is given."""

    name: str
    """Of the instance."""
    start: Callable[[], Worker]
    """Starts a worker and loads the model in it; raises ``LoadError``."""
    gave_up: Callable[[str], None]
    """Called with the reason when starts failed too often."""


class Supervisor:
    """Runs the link of one worker on a thread of its own, and starts the worker again when it dies."""

    def __init__(
        self,
        supervised: Supervised,
        worker: Worker,
        backoff: Backoff | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Take over a worker that is ready."""
        self._supervised = supervised
        self._worker = worker
        self._backoff = backoff or Backoff()
        self._clock = clock or SystemClock()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._link: native.WorkerLink = worker.link
        self._thread = threading.Thread(target=self._run, name=f"{supervised.name}-link", daemon=True)

    def start(self) -> None:
        """Let the instance take batches."""
        self._thread.start()

    @property
    def question(self) -> "FarQuestion":
        """Asks the worker that runs the instance now."""
        with self._lock:
            return self._worker.question

    def begin_close(self) -> None:
        """Let the worker finish its batch and end; does not wait."""
        with self._lock:
            self._closing.set()
            self._link.close()

    def finish_close(self, timeout: float) -> bool:
        """Wait for the worker to end, and kill it after that many seconds; whether it ended by itself."""
        ended = self._worker.end(timeout)
        if self._thread.is_alive():
            self._thread.join(LAST_WORDS_SECONDS)
        return ended

    def _run(self) -> None:
        deaths = 0
        while True:
            began = self._clock.now()
            happened = self._link.run()
            if self._closing.is_set() or not happened:
                return
            self._worker.end(LAST_WORDS_SECONDS)
            deaths = 1 if self._clock.now() - began >= self._backoff.healthy else deaths + 1
            delay = self._backoff.delay(deaths)
            log.error(
                "worker process %d of instance '%s' %s: %s. Its requests have failed; next start in %.1f s",
                self._worker.pid,
                self._supervised.name,
                self._worker.describe_end(),
                happened,
                delay,
            )
            if self._clock.wait(self._closing, delay) or not self._start_again(deaths):
                return

    def _start_again(self, deaths: int) -> bool:
        """Start until it works; false when the model ends or the instance is given up."""
        for attempt in range(1, self._backoff.attempts + 1):
            try:
                return self._adopt(self._supervised.start())
            except LoadError as error:
                reason = str(error)
                log.error("instance '%s' could not be started again: %s", self._supervised.name, reason)  # noqa: TRY400
            delay = self._backoff.delay(deaths + attempt)
            if attempt < self._backoff.attempts and self._clock.wait(self._closing, delay):
                return False
        self._supervised.gave_up(
            f"the worker process of instance '{self._supervised.name}' died and could not be started again "
            f"in {self._backoff.attempts} attempts: {reason}"
        )
        return False

    def _adopt(self, worker: Worker) -> bool:
        with self._lock:
            if self._closing.is_set():
                worker.kill()
                return False
            self._worker = worker
            self._link = worker.link
        log.info("instance '%s' runs again in worker process %d", self._supervised.name, worker.pid)
        return True
