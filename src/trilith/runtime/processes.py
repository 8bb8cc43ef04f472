"""Instances in worker processes, one process each."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from trilith.contract import LoadError, Placement
from trilith.runtime.hosts import HostRequest, Plan
from trilith.runtime.limits import write_demand
from trilith.runtime.logs import LogOptions
from trilith.runtime.readiness import find_reason
from trilith.runtime.supervision import Supervised, Supervisor
from trilith.runtime.workers import WORKER_COMMAND, WORKER_MODULE, Worker, WorkerOrder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trilith import native
    from trilith.runtime.environments import Environment


REMOVAL_SECONDS = 300.0
"""For an instance that is no longer wanted to finish its batch; whoever asked for it to go waits as long."""


class ProcessHost:
    """Holds a model version in worker processes. The first one also completes the configuration."""

    def __init__(
        self,
        request: HostRequest,
        log: LogOptions,
        command: "Sequence[str]" = WORKER_COMMAND,
        open_environment: "Callable[[], Environment] | None" = None,
    ) -> None:
        """Start nothing yet.

        Args:
            request: what is to be held.
            log: how workers log.
            command: that starts a worker in the server's own environment.
            open_environment: makes the model's own environment usable, where it has one.
        """
        self._order = WorkerOrder(request.source, request.entry, log, command)
        self._open_environment = open_environment
        self._lock = threading.Lock()
        self._closed = False
        self._first: Worker | None = None
        self._model: native.Model | None = None
        self._starting: set[Worker] = set()
        self._ready: list[tuple[Plan, Worker]] = []
        self._supervisors: dict[Placement, Supervisor] = {}
        self._watch: Callable[[Plan, Worker], None] | None = None
        self._alive = 0

    def complete(self, document: dict[str, Any]) -> dict[str, Any]:
        """Let the backend fill in what the configuration leaves open, in the first worker."""
        self._first = self._start(document)
        return self._first.completed()

    def load(self, plan: Plan, model: "native.Model") -> None:
        """Start a worker for each placement, side by side, and wait until all have loaded."""
        self._model = model
        self._ready = self._load_parts(_split(plan, plan.context.placements))
        if any(worker.is_checked for _, worker in self._ready):
            model.ask_by(self._find_reason)

    def _load_parts(self, parts: "Sequence[Plan]") -> list[tuple[Plan, Worker]]:
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
        if parts:
            load_one(0)
        for thread in threads:
            thread.join()
        if errors:
            self._give_back([worker for worker in workers if worker])
            raise errors[0]
        return [(part, worker) for part, worker in zip(parts, workers, strict=True) if worker]

    def serve(self, lost: Callable[[str], None]) -> None:
        """Let the instances take batches."""

        def gave_up(reason: str) -> None:
            with self._lock:
                self._alive -= 1
                last = self._alive == 0
            if last:
                lost(reason)

        def watch(part: Plan, worker: Worker) -> None:
            placement = part.context.placements[0]
            supervised = Supervised(
                name=placement.name,
                start=partial(self._start_again, part),
                gave_up=gave_up,
            )
            supervisor = Supervisor(supervised, worker)
            with self._lock:
                self._starting.discard(worker)
                self._supervisors[placement] = supervisor
            supervisor.start()

        self._watch = watch
        self._alive = len(self._ready)
        for part, worker in self._ready:
            watch(part, worker)
        self._ready = []

    def resize(self, plan: Plan) -> None:
        """Start workers, then end those that are too many; each finishes its batch."""
        wanted = plan.context.placements
        if self._watch is None:
            return
        added = self._load_parts(_split(plan, [one for one in wanted if one not in self._supervisors]))
        with self._lock:
            self._alive += len(added)
        for part, worker in added:
            self._watch(part, worker)
        with self._lock:
            surplus = [self._supervisors.pop(one) for one in list(self._supervisors) if one not in wanted]
            self._alive -= len(surplus)
        for supervisor in surplus:
            supervisor.begin_close()
        for supervisor in surplus:
            supervisor.finish_close(REMOVAL_SECONDS)

    def close(self, timeout: float) -> bool:
        """Let the workers finish, then end them; those that are only starting end at once."""
        with self._lock:
            self._closed = True
            supervisors = list(self._supervisors.values())
            starting = list(self._starting)
            self._starting.clear()
        for supervisor in supervisors:
            supervisor.begin_close()
        for worker in starting:
            worker.kill()
        end = time.monotonic() + timeout
        ended = [supervisor.finish_close(max(0.0, end - time.monotonic())) for supervisor in supervisors]
        return all(ended)

    def _find_reason(self) -> str | None:
        with self._lock:
            supervisors = list(self._supervisors.values())
        return find_reason([supervisor.question for supervisor in supervisors])

    def _give_back(self, workers: "Sequence[Worker]") -> None:
        """End workers that loaded beside one that could not."""
        with self._lock:
            self._starting.difference_update(workers)
        for worker in workers:
            worker.kill()

    def _load(self, part: Plan) -> Worker:
        """Load one instance, in the worker that completed the configuration if it is still free."""
        with self._lock:
            first, self._first = self._first, None
        worker = first or self._start(None)
        if self._model is None:
            raise LoadError("the model was unloaded while it was loading")
        demand = write_demand(part.context.placements[0])
        worker.load(part, partial(_connect, self._model, demand))
        return worker

    def _start_again(self, part: Plan) -> Worker:
        worker = self._load(part)
        with self._lock:
            self._starting.discard(worker)
        return worker

    def _in_environment(self) -> WorkerOrder:
        if self._open_environment is None:
            return self._order
        environment = self._open_environment()
        command = (environment.interpreter, *WORKER_MODULE)
        return replace(self._order, command=command, variables=environment.variables())

    def _start(self, document: dict[str, Any] | None) -> Worker:
        worker = Worker(self._in_environment(), document)
        with self._lock:
            if not self._closed:
                self._starting.add(worker)
                return worker
        worker.kill()
        raise LoadError("the model was unloaded while it was loading")


def _connect(model: "native.Model", demand: str, descriptor: int) -> "native.WorkerLink":
    try:
        return model.connect_worker(descriptor, demand)
    except ValueError as error:
        raise LoadError(str(error)) from error


def _split(plan: Plan, placements: "Sequence[Placement]") -> list[Plan]:
    """Make one plan for each instance."""
    return [replace(plan, context=replace(plan.context, placements=(placement,))) for placement in placements]
