"""From start to exit status: listen, load, serve, finish."""

import json
import logging
import os
import queue
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import trilith
from trilith.contract import ConfigurationError, LoadError, TrilithError
from trilith.server.control import ControlMode
from trilith.server.limits import raise_descriptor_limit
from trilith.server.options import CacheChoice, Endpoint, ServerOptions
from trilith.server.signals import watch_signals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trilith import native
    from trilith.contract import Cache
    from trilith.repository import Inventory
    from trilith.runtime.bricks import Catalogue
    from trilith.runtime.life import ModelLife
    from trilith.runtime.loader import Loader
    from trilith.runtime.registry import Registry
    from trilith.server.control import Poller

log = logging.getLogger(__name__)

EXTENSIONS = (
    "classification",
    "model_repository",
    "model_repository(unload_dependents)",
    "schedule_policy",
    "model_configuration",
    "system_shared_memory",
    "cuda_shared_memory",
    "binary_tensor_data",
    "parameters",
    "statistics",
    "trace",
    "logging",
)
"""Of Triton's protocol extensions, those that this version carries."""

FEATURE_OF = {"system_shared_memory": "shm", "cuda_shared_memory": "shm"}
"""Extensions that are native features, which a build may lack."""

PROGRESS_SECONDS = 5.0
"""Between two lines that say what is still loading."""

CLOSING_SECONDS = 2.0
"""For models to let go of what they hold, at least; also when the exit timeout went into requests."""

_STOP = "stop"


class StartupError(TrilithError):
    """The server cannot start; the message is for people."""


def serve(options: ServerOptions) -> int:
    """Run a server until it is told to stop.

    Returns:
        0 if everything that was in flight finished; 1 if something was left, or start-up failed.
    """
    raise_descriptor_limit()
    application = Application(options)
    with watch_signals(application.stop, _end_at_once):
        try:
            return application.run()
        except (StartupError, ConfigurationError) as error:
            for line in str(error).splitlines():
                log.error(line)  # noqa: TRY400  for people, who need no traceback
            return 1
        finally:
            application.close()


def _end_at_once() -> None:
    os.write(sys.stderr.fileno(), b"second signal: ending at once\n")
    os._exit(1)


def leave(status: int) -> None:
    """End the process: at once where threads are left that would outlive the interpreter."""
    logging.shutdown()
    sys.stdout.flush()
    if threading.active_count() > 1:
        # Threads that are inside native code or a hanging model cannot be joined, and the interpreter
        # must not be taken down beneath them.
        os._exit(status)
    sys.exit(status)


class Application:
    """One server process."""

    def __init__(self, options: ServerOptions) -> None:
        """Start nothing yet."""
        self._options = options
        self._inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopping = False
        self._server: native.Server | None = None
        self._registry: Registry | None = None
        self._poller: Poller | None = None
        self._cache: Cache | None = None
        self._wanted: set[str] = set()
        self._ports: dict[str, int] = {}

    def run(self) -> int:
        """Listen, load, serve, finish; the exit status."""
        for note in self._options.notes:
            log.warning(note)
        self._check_encryption()
        server = self._server = self._make_server()
        for endpoint in self._options.endpoints:
            self._listen(server, endpoint)
        if not self._load(server):
            return self._stop(server)
        self._show_models(server)
        failed = self._failures(server)
        if failed and self._options.exit_on_error:
            listed = ", ".join(f"'{name}'" for name in failed)
            message = f"not served: {listed}; the reasons are above"
            raise StartupError(f"{message}. With --exit-on-error=false the server starts without them")
        self._take_commands(server)
        server.open()
        self._show_doors()
        while self._inbox.get() != _STOP:
            pass
        return self._stop(server)

    def close(self) -> None:
        """End connections and threads, whatever happened before."""
        if self._poller is not None:
            self._poller.stop()
        if self._registry is not None:
            self._registry.unload_all(CLOSING_SECONDS)
        if self._server is not None:
            self._server.close()
        if self._cache is not None:
            self._cache.close()

    def stop(self, reason: str) -> None:
        """End :meth:`run` in good order; may be called from any thread."""
        log.info("%s: no more requests are taken", reason)
        self._stopping = True
        self._inbox.put(_STOP)

    def _make_server(self) -> "native.Server":
        from trilith.native import FEATURES, Server  # noqa: PLC0415  --help and the like need no extension

        try:
            return Server(json.dumps(self._native_options(FEATURES)))
        except OSError as error:
            raise StartupError(f"{error}; choose another with --trace-config=triton,file=FILE") from error
        except ValueError as error:
            raise StartupError(f"--trace-config=opentelemetry,url: {error}") from error
        except RuntimeError as error:
            raise StartupError(f"{error}; start without --trace-config") from error

    def _native_options(self, features: "Sequence[str]") -> dict[str, Any]:
        from trilith.runtime.limits import write_supplies  # noqa: PLC0415  --help and the like need it not

        options = self._options
        return {
            "name": options.server_id,
            "version": trilith.__version__,
            "extensions": [name for name in EXTENSIONS if FEATURE_OF.get(name) in (None, *features)],
            "strict_readiness": options.strict_readiness,
            "client_shared_memory": options.client_shared_memory,
            "threads": options.threads,
            "rate_limit": write_supplies(options.supplies),
            "latencies": dict(options.latencies),
            "log": asdict(options.log),
            "trace": asdict(options.trace),
        }

    def _check_encryption(self) -> None:
        from trilith.native import inspect_tls  # noqa: PLC0415  --help and the like need no extension
        from trilith.server.encryption import inspect  # noqa: PLC0415  few need it

        problems, warnings = inspect(self._options.endpoints, inspect_tls)
        for warning in warnings:
            log.warning(warning)
        if problems:
            raise StartupError("\n".join(problems))

    def _listen(self, server: "native.Server", endpoint: Endpoint) -> None:
        """Open one door. Early, so that liveness answers while models load; readiness waits for them."""
        from trilith.native import FEATURES  # noqa: PLC0415  as above

        if endpoint.name not in FEATURES:
            log.info("%s is not part of this build and not served", endpoint.title)
            return
        # By name: an extension without a feature has no method for it.
        listen = getattr(server, f"serve_{endpoint.name}")
        settings = {"address": endpoint.address, "port": endpoint.port, **endpoint.settings}
        try:
            self._ports[endpoint.name] = listen(json.dumps(settings))
        except OSError as error:
            hint = (
                f"choose another socket with --{endpoint.name}-address"
                if endpoint.is_local
                else f"end the program that has the port, or choose another with --{endpoint.name}-port"
            )
            raise StartupError(f"{endpoint.title}: {error.strerror or error}; {hint}") from error
        except ValueError as error:
            raise StartupError(f"{endpoint.title}: {error}") from error

    def _load(self, server: "native.Server") -> bool:
        """Load every model of the repositories; false if the server is told to stop meanwhile."""
        from trilith.repository import scan  # noqa: PLC0415  the doors are open first, then come slow imports
        from trilith.runtime.loader import Loader  # noqa: PLC0415

        options = self._options
        inventory = scan(
            options.repositories,
            configuration_name=options.configuration_name,
            namespaces=options.namespaces,
        )
        for name, reason in inventory.refused.items():
            log.error(reason)
            server.set_state(name, None, "UNAVAILABLE", reason)
        loader = Loader(self._options.load_threads)
        pending = self._start_loading(server, inventory, loader)
        while pending:
            try:
                event = self._inbox.get(timeout=PROGRESS_SECONDS)
            except queue.Empty:
                busy = (f"'{name}' ({seconds:.0f} s)" for name, seconds in loader.loading().items())
                log.info("still loading: %s", ", ".join(busy))
                continue
            if event == _STOP:
                return False
            pending -= 1
        return not self._stopping

    def _start_loading(self, server: "native.Server", inventory: "Inventory", loader: "Loader") -> int:
        from trilith.repository.names import with_name  # noqa: PLC0415  as above
        from trilith.runtime.bricks import discover  # noqa: PLC0415
        from trilith.runtime.devices import count_gpus  # noqa: PLC0415
        from trilith.runtime.life import Settings  # noqa: PLC0415
        from trilith.runtime.records import Place  # noqa: PLC0415
        from trilith.runtime.registry import Registry  # noqa: PLC0415

        catalogue = discover()
        for problem in catalogue.problems:
            log.warning(str(problem))
        if self._options.cache is not None:
            self._open_cache(server, catalogue, self._options.cache)
        settings = Settings(
            complete=self._options.complete_configurations,
            backend_settings=self._options.backend_settings,
            gpu_count=count_gpus(),
            supplies=self._options.supplies,
            log=self._options.log,
        )
        place = Place(self._options.repositories, self._options.configuration_name, self._options.namespaces)
        self._registry = Registry(server, catalogue, settings, place, loader)
        named = set(self._options.startup_models)
        if self._options.control_mode is not ControlMode.EXPLICIT or "*" in named:
            self._wanted = {folder.key for folder in inventory.models} | set(inventory.refused)
            self._registry.refresh()
            return self._registry.load_all(inventory.models, self._inbox.put)
        keys = [*(folder.key for folder in inventory.models), *inventory.refused]
        self._wanted = {key for name in named for key in with_name(name, keys) or [name]}
        self._registry.refresh()
        for name in named:
            self._registry.load_named(name, self._inbox.put)
        return len(named)

    def _open_cache(self, server: "native.Server", catalogue: "Catalogue", choice: CacheChoice) -> None:
        from trilith.runtime.caches import use_cache  # noqa: PLC0415  only where there is one

        try:
            self._cache = use_cache(server, catalogue, choice.name, choice.settings)
        except LoadError as error:
            raise StartupError(str(error)) from error

    def _take_commands(self, server: "native.Server") -> None:
        """Begin to carry out what clients, or changes in the repositories, ask for."""
        from trilith.runtime.clock import SystemClock  # noqa: PLC0415  as above
        from trilith.server.control import Controller, Poller  # noqa: PLC0415

        options = self._options
        if self._registry is None:
            return
        Controller(server, self._registry, options.control_mode).start()
        if options.control_mode is ControlMode.POLL and options.poll_seconds:
            self._poller = Poller(self._registry, options.poll_seconds, SystemClock())
            self._poller.start()

    def _failures(self, server: "native.Server") -> list[str]:
        ready = {name for name, _, state, _ in server.index() if state == "READY"}
        return sorted(self._wanted - ready)

    def _show_models(self, server: "native.Server") -> None:
        from trilith.server.report import model_table  # noqa: PLC0415  when all are loaded

        rows = sorted(server.index(), key=lambda row: (row[0], row[1] or 0))
        ready = sum(1 for row in rows if row[2] == "READY")
        names = ("name", "version", "state", "reason")
        models = [dict(zip(names, row, strict=True)) for row in rows]
        log.info(
            "%d of %d model versions are ready",
            ready,
            len(rows),
            extra={"block": model_table(rows) if rows else "", "fields": {"models": models}},
        )

    def _show_doors(self) -> None:
        """Say where the server listens, and give a request to paste."""
        line: str | None = None
        for endpoint in self._options.endpoints:
            if endpoint.name in self._ports:
                place = endpoint.place(self._ports[endpoint.name])
                log.info("%s on %s%s", endpoint.title, place, " with TLS" * endpoint.is_encrypted)
            if endpoint.name == "http" and endpoint.name in self._ports:
                line = self._example(endpoint)
        if line:
            log.info("try it:", extra={"block": line, "fields": {"example": line}})

    def _example(self, endpoint: Endpoint) -> str | None:
        from trilith.server.report import example_request  # noqa: PLC0415  when all are loaded

        lives = self._registry.lives() if self._registry else ()
        names = [life.folder.name for life in lives]
        loaded = [
            (version.configuration, life.folder.directory)
            for life in lives
            if names.count(life.folder.name) == 1  # clients reach no other
            for version in life.versions
        ]
        return example_request(loaded, endpoint, self._ports[endpoint.name])

    def _lives(self) -> "list[ModelLife]":
        return self._registry.lives() + self._registry.departing() if self._registry else []

    def _stop(self, server: "native.Server") -> int:
        """Finish what is in flight, up to the exit timeout, and say what was left."""
        if self._poller is not None:
            self._poller.stop()
        server.begin_shutdown()
        left = self._options.exit_timeout_seconds
        while not server.wait_idle(min(1.0, left)):
            left -= 1
            if left <= 0:
                break
            log.info("requests in flight: %d; waiting for another %d s", server.in_flight(), left)
        lost = server.in_flight()
        for life in self._lives():
            for version in life.versions if lost else ():
                count = version.model.in_flight()
                if count:
                    log.warning(
                        "requests left of model '%s' version %d: %d", life.folder.name, version.number, count
                    )
        hanging = self._registry.unload_all(max(left, CLOSING_SECONDS)) if self._registry else []
        if hanging:
            log.warning("did not end: %s", ", ".join(hanging))
        untraced = server.finish_traces()
        if untraced:
            log.warning(untraced)
        log.info("stopped; requests left: %d", lost)
        return 1 if lost or hanging else 0
