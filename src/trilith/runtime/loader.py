"""Threads that load and unload models: a slow load stalls no other model."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from trilith.runtime.lanes import Lanes

DEFAULT_THREADS = 4

log = logging.getLogger(__name__)

Work = Callable[[], None]


@dataclass(frozen=True)
class Task:
    """Something to do to models."""

    work: Work
    title: str
    """The model, while it shows among those that load; empty for what is done in no time."""


class Loader:
    """A pool of threads. What is about the same model is done in the order in which it was asked for.

    Quick work has a thread of its own, so that it never waits until the pool is done with slow models.
    """

    def __init__(self, threads: int = DEFAULT_THREADS) -> None:
        """Start the threads; they are daemons, for a load that hangs must not keep the server from ending."""
        self._slow: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._quick: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._lanes: Lanes[Task] = Lanes()
        self._began: dict[str, float] = {}
        self._running: dict[str, int] = {}
        self._asked: dict[int, list[str]] = {}
        for index in range(max(1, threads)):
            self._start(f"loader-{index}", self._slow)
        self._start("loader-quick", self._quick)

    def load(self, names: Collection[str], title: str, work: Callable[[], None]) -> None:
        """Do slow work on some models, once all that was asked for about them before is done."""
        self._add(Task(work, title), names)

    def do(self, names: Collection[str], work: Callable[[], None]) -> None:
        """Do quick work on some models, once all that was asked for about them before is done."""
        self._add(Task(work, ""), names)

    def begin_inside(self, title: str, names: Collection[str]) -> int | None:
        """Note that a model that is being loaded waits for something that is asked for about others.

        Until :meth:`end_inside`, another thread loads models in the place of the one that waits.

        Args:
            title: the model that waits.
            names: the others.

        Returns:
            What to give to :meth:`end_inside`; ``None`` where it would wait for itself, and must not.
        """
        with self._lock:
            number = self._running.get(title, -1)
            if number >= 0 and self._lanes.would_wait_for(number, names, self._asked):
                return None
            self._asked.setdefault(number, []).extend(names)
        self._start("loader-inside", self._slow)
        return number

    def end_inside(self, number: int, names: Collection[str]) -> None:
        """Note that it waits no more."""
        with self._lock:
            asked = self._asked.get(number, [])
            for name in names:
                if name in asked:
                    asked.remove(name)
        self._slow.put(None)

    def loading(self) -> dict[str, float]:
        """Models that are being loaded right now, and for how many seconds."""
        now = time.monotonic()
        with self._lock:
            return {name: now - began for name, began in self._began.items()}

    def _add(self, task: Task, names: Collection[str]) -> None:
        with self._lock:
            number, is_free = self._lanes.add(task, names)
        if is_free:
            self._dispatch(number, task)

    def _dispatch(self, number: int, task: Task) -> None:
        (self._slow if task.title else self._quick).put(partial(self._carry_out, number, task))

    def _carry_out(self, number: int, task: Task) -> None:
        if task.title:
            with self._lock:
                self._began[task.title] = time.monotonic()
                self._running[task.title] = number
        try:
            task.work()
        except Exception:  # the lanes must go on whatever happens in one of them
            log.exception("what was to be done about model '%s' failed", task.title)
        finally:
            with self._lock:
                self._began.pop(task.title, None)
                self._running.pop(task.title, None)
                self._asked.pop(number, None)
                freed = self._lanes.finish(number)
            for other, following in freed:
                self._dispatch(other, following)

    def _start(self, name: str, works: "queue.SimpleQueue[Work | None]") -> None:
        def run() -> None:
            while (work := works.get()) is not None:
                work()

        threading.Thread(target=run, name=name, daemon=True).start()
