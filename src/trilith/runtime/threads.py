"""Instances in this process, one thread each."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trilith.contract import Backend, Instance, LoadedModel, LoadError, ModelContext, Placement
from trilith.runtime.hosts import HostRequest, Plan
from trilith.runtime.instances import close_instance, run_instance
from trilith.runtime.limits import write_demand
from trilith.runtime.readiness import NearQuestion, find_check, find_reason
from trilith.runtime.warmup import warm_up

if TYPE_CHECKING:
    from trilith import native

log = logging.getLogger(__name__)


@dataclass
class Seat:
    """One instance, and where it runs once it does."""

    instance: Instance
    question: NearQuestion | None = None
    port: "native.InstancePort | None" = None
    thread: threading.Thread | None = None


class ThreadHost:
    """Holds a model version in this process."""

    def __init__(self, request: HostRequest) -> None:
        """Load nothing yet."""
        self._request = request
        self._backend: Backend | None = None
        self._loaded: LoadedModel | None = None
        self._model: native.Model | None = None
        self._seats: dict[Placement, Seat] = {}

    def complete(self, document: dict[str, Any]) -> dict[str, Any]:
        """Let the backend fill in what the configuration leaves open."""
        return self._make_backend().complete(self._request.source, document)

    def load(self, plan: Plan, model: "native.Model") -> None:
        """Bring the model and all its instances into memory."""
        self._model = model
        context = replace(plan.context, caller=model.caller())
        self._loaded = self._make_backend().load(context)
        for placement in plan.context.placements:
            self._seats[placement] = self._make_seat(self._loaded, context, placement)
        if any(seat.question for seat in self._seats.values()):
            model.ask_by(self._find_reason)

    def serve(self, lost: Callable[[str], None]) -> None:
        """Let the instances take batches."""
        del lost  # a thread ends only when its model does
        if self._model is not None:
            for placement, seat in self._seats.items():
                self._start(self._model, placement, seat)

    def resize(self, plan: Plan) -> None:
        """Add instances, then remove those that are too many; each finishes its batch."""
        wanted = plan.context.placements
        added: dict[Placement, Seat] = {}
        if self._loaded is None or self._model is None:
            return
        context = replace(plan.context, caller=self._model.caller())
        try:
            for placement in wanted:
                if placement not in self._seats:
                    added[placement] = self._make_seat(self._loaded, context, placement)
        except Exception:
            for placement, seat in added.items():
                close_instance(seat.instance, placement.name)
            raise
        for placement, seat in added.items():
            self._start(self._model, placement, seat)
        self._seats.update(added)
        for placement in [one for one in self._seats if one not in wanted]:
            self._remove(placement, self._seats.pop(placement))

    def close(self, timeout: float) -> bool:
        """End the instances, then the model.

        What a thread still executes cannot be cut short: its instance and the model then stay in memory.
        """
        seats = dict(self._seats)
        for seat in seats.values():
            if seat.port is not None:
                seat.port.close()
        end = time.monotonic() + timeout
        threads = [seat.thread for seat in seats.values() if seat.thread is not None]
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        busy = [thread.name for thread in threads if thread.is_alive()]
        if busy:
            log.warning("still executing after %.1f s and left behind: %s", timeout, ", ".join(busy))
            return False
        for placement, seat in seats.items():
            close_instance(seat.instance, placement.name)
        self._seats.clear()
        if self._loaded is not None:
            self._close_model(self._loaded)
            self._loaded = None
        return True

    def _make_seat(self, loaded: LoadedModel, context: ModelContext, placement: Placement) -> Seat:
        instance = loaded.create_instance(placement)
        try:
            warm_up(instance, context, placement.name)
        except Exception:
            close_instance(instance, placement.name)
            raise
        check = find_check(instance)
        return Seat(instance, NearQuestion(check, placement.name) if check else None)

    def _find_reason(self) -> str | None:
        seats = list(self._seats.values())
        return find_reason([seat.question for seat in seats if seat.question])

    def _start(self, model: "native.Model", placement: Placement, seat: Seat) -> None:
        try:
            seat.port = port = model.open_instance(write_demand(placement))
        except ValueError as error:
            raise LoadError(str(error)) from error
        seat.thread = threading.Thread(
            target=run_instance, args=(port, seat.instance, placement.name), name=placement.name, daemon=True
        )
        seat.thread.start()

    def _remove(self, placement: Placement, seat: Seat) -> None:
        if seat.port is not None and seat.thread is not None:
            seat.port.close()
            seat.thread.join()
            seat.port = None  # the engine forgets a place when its port goes
        close_instance(seat.instance, placement.name)

    def _close_model(self, loaded: LoadedModel) -> None:
        try:
            loaded.close()
        except Exception:
            log.exception("model '%s' failed while it was closed", self._request.source.name)

    def _make_backend(self) -> Backend:
        if self._backend is None:
            self._backend = self._request.make_backend()
        return self._backend
