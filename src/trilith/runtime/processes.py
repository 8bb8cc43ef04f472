"""Instances in worker processes, one process each."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from trilith.contract import LoadError
from trilith.runtime.hosts import HostRequest, Plan
from trilith.runtime.logs import LogOptions
from trilith.runtime.supervision import Supervised, Supervisor
from trilith.runtime.workers import WORKER_COMMAND, Worker, WorkerOrder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trilith import native


class ProcessHost:
    """Holds a model version in worker processes. The first one also completes the configuration."""

    def __init__(
        self, request: HostRequest, log: LogOptions, command: "Sequence[str]" = WORKER_COMMAND
    ) -> None:
        """Start nothing yet."""
        self._order = WorkerOrder(request.source, request.entry, log, command)
        self._lock = threading.Lock()
        self._closed = False
        self._first: Worker | None = None
        self._starting: set[Worker] = set()
        self._ready: list[tuple[Plan, Worker]] = []
        self._supervisors: list[Supervisor] = []
        self._alive = 0

    def complete(self, document: dict[str, Any]) -> dict[str, Any]:
        """Let the backend fill in what the configuration leaves open, in the first worker."""
        self._first = self._start(document)
        return self._first.completed()

    def load(self, plan: Plan) -> None:
        """Start a worker for each placement, side by side, and wait until all have loaded."""
        parts = [
            replace(plan, context=replace(plan.context, placements=(placement,)))
            for placement in plan.context.placements
        ]
        workers: list[Worker | None] = [None] * len(parts)
        errors: list[Exception] = []

        def load_one(index: int) -> None:
            try:
                workers[index] = self._load(parts[index])
            except Exception as error:  # noqa: BLE001  raised again below, in the thread that asked
                errors.append(error)

        threads = [threading.Thread(target=load_one, args=(index,)) for index in range(1, len(parts))]
        for thread in threads:
            thread.start()
        load_one(0)
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        self._ready = [(part, worker) for part, worker in zip(parts, workers, strict=True) if worker]

    def serve(self, model: "native.Model", lost: Callable[[str], None]) -> None:
        """Let the instances take batches."""

        def gave_up(reason: str) -> None:
            with self._lock:
                self._alive -= 1
                last = self._alive == 0
            if last:
                lost(reason)

        self._alive = len(self._ready)
        for part, worker in self._ready:
            supervised = Supervised(
                name=part.context.placements[0].name,
                start=partial(self._start_again, part),
                connect=model.connect_worker,
                gave_up=gave_up,
            )
            supervisor = Supervisor(supervised, worker)
            with self._lock:
                self._starting.discard(worker)
                self._supervisors.append(supervisor)
            supervisor.start()
        self._ready = []

    def close(self, timeout: float) -> bool:
        """Let the workers finish, then end them; those that are only starting end at once."""
        with self._lock:
            self._closed = True
            supervisors = list(self._supervisors)
            starting = list(self._starting)
            self._starting.clear()
        for supervisor in supervisors:
            supervisor.begin_close()
        for worker in starting:
            worker.kill()
        end = time.monotonic() + timeout
        ended = [supervisor.finish_close(max(0.0, end - time.monotonic())) for supervisor in supervisors]
        return all(ended)

    def _load(self, part: Plan) -> Worker:
        """Load one instance, in the worker that completed the configuration if it is still free."""
        with self._lock:
            first, self._first = self._first, None
        worker = first or self._start(None)
        worker.load(part)
        return worker

    def _start_again(self, part: Plan) -> Worker:
        worker = self._load(part)
        with self._lock:
            self._starting.discard(worker)
        return worker

    def _start(self, document: dict[str, Any] | None) -> Worker:
        worker = Worker(self._order, document)
        with self._lock:
            if not self._closed:
                self._starting.add(worker)
                return worker
        worker.kill()
        raise LoadError("the model was unloaded while it was loading")
