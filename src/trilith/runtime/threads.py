"""Instances in this process, one thread each."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trilith.contract import Backend, Instance, LoadedModel
from trilith.runtime.hosts import HostRequest, Plan
from trilith.runtime.instances import close_instance, run_instance

if TYPE_CHECKING:
    from trilith import native

log = logging.getLogger(__name__)


class ThreadHost:
    """Holds a model version in this process."""

    def __init__(self, request: HostRequest) -> None:
        """Load nothing yet."""
        self._request = request
        self._backend: Backend | None = None
        self._loaded: LoadedModel | None = None
        self._instances: list[tuple[str, Instance]] = []
        self._ports: list[native.InstancePort] = []
        self._threads: list[threading.Thread] = []

    def complete(self, document: dict[str, Any]) -> dict[str, Any]:
        """Let the backend fill in what the configuration leaves open."""
        return self._make_backend().complete(self._request.source, document)

    def load(self, plan: Plan) -> None:
        """Bring the model and all its instances into memory."""
        self._loaded = self._make_backend().load(plan.context)
        for placement in plan.context.placements:
            self._instances.append((placement.name, self._loaded.create_instance(placement)))

    def serve(self, model: "native.Model", lost: Callable[[str], None]) -> None:
        """Let the instances take batches."""
        del lost  # a thread ends only when its model does
        for name, instance in self._instances:
            port = model.open_instance()
            thread = threading.Thread(
                target=run_instance, args=(port, instance, name), name=name, daemon=True
            )
            self._ports.append(port)
            self._threads.append(thread)
            thread.start()

    def close(self, timeout: float) -> bool:
        """End the instances, then the model.

        What a thread still executes cannot be cut short: its instance and the model then stay in memory.
        """
        for port in self._ports:
            port.close()
        end = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        busy = [thread.name for thread in self._threads if thread.is_alive()]
        if busy:
            log.warning("still executing after %.1f s and left behind: %s", timeout, ", ".join(busy))
            return False
        for name, instance in self._instances:
            close_instance(instance, name)
        self._instances.clear()
        if self._loaded is not None:
            self._close_model(self._loaded)
            self._loaded = None
        return True

    def _close_model(self, loaded: LoadedModel) -> None:
        try:
            loaded.close()
        except Exception:
            log.exception("model '%s' failed while it was closed", self._request.source.name)

    def _make_backend(self) -> Backend:
        if self._backend is None:
            self._backend = self._request.make_backend()
        return self._backend
