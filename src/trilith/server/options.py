"""Everything that a server can be told, validated before it gets here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trilith.runtime.limits import Supply
from trilith.runtime.logs import LogOptions
from trilith.server.control import ControlMode


@dataclass(frozen=True)
class Endpoint:
    """One door to listen on."""

    name: str
    """Which kind, as the native extension calls its feature: ``http``, ``grpc``, ``metrics``."""
    title: str
    """Which kind, for people."""
    address: str
    """A name or an address, or ``unix:PATH``."""
    port: int
    """0 for a free one; of no meaning on a Unix domain socket."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What else the native extension is told."""

    @property
    def is_local(self) -> bool:
        """Whether it is a Unix domain socket."""
        return self.address.startswith("unix:")

    @property
    def is_encrypted(self) -> bool:
        """Whether it speaks TLS."""
        return bool(self.settings.get("encryption"))

    def place(self, port: int) -> str:
        """Name where it listens, for people; ``port`` is the one that it has."""
        if self.is_local:
            return self.address
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{port}"


@dataclass(frozen=True)
class CacheChoice:
    """Where answers are kept to be given again."""

    name: str
    """Of the brick."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """As they were written; the brick reads them."""


@dataclass(frozen=True)
class CollectorOptions:
    """An OpenTelemetry collector, and how it is told of traces."""

    url: str = "http://localhost:4318/v1/traces"
    resource: tuple[tuple[str, str], ...] = (("service.name", "triton-inference-server"),)
    """What is said of the server."""
    headers: tuple[tuple[str, str], ...] = ()
    """What is said in every request, to show who sends it."""
    certificate: str | None = None
    """File of the certificates that are trusted instead of the system's, for ``https://``."""
    most_waiting: int = 2048
    """Spans that may wait to be sent; more are dropped."""
    delay_ms: int = 5000
    """For the first of them to wait, at most."""
    most_sent: int = 512
    """Spans in one message."""
    shown: tuple[tuple[str, str], ...] = ()
    """As the settings are shown to clients."""


@dataclass(frozen=True)
class TraceOptions:
    """Which requests are traced, and where to."""

    mode: str = "triton"
    timestamps: bool = False
    """Whether it is noted when requests were where."""
    tensors: bool = False
    """Whether their tensors are."""
    rate: int = 1000
    """One of so many requests is traced; 0 for none."""
    count: int | None = None
    """How many are, in all; ``None`` for no bound."""
    log_frequency: int = 0
    """Traces in one file; 0 for all in one."""
    file: str = ""
    collector: CollectorOptions = field(default_factory=CollectorOptions)


@dataclass(frozen=True)
class ServerOptions:
    """Everything that a server can be told."""

    repositories: tuple[Path, ...]
    endpoints: tuple[Endpoint, ...] = ()
    server_id: str = "triton"
    """Name in the server's metadata. Clients and dashboards look for this one."""
    strict_readiness: bool = True
    client_shared_memory: bool = False
    """Whether clients may register shared memory: they can then reach every object of this user."""
    exit_on_error: bool = True
    exit_timeout_seconds: int = 30
    complete_configurations: bool = True
    configuration_name: str = ""
    """Prefers ``configs/NAME.pbtxt`` of a model over its ``config.pbtxt``."""
    control_mode: ControlMode = ControlMode.NONE
    startup_models: tuple[str, ...] = ()
    """Loaded at the start in explicit mode; ``*`` for all."""
    poll_seconds: int = 15
    """Between two looks at the repositories in poll mode; 0 looks once."""
    namespaces: bool = False
    """Whether repositories may hold models of the same name."""
    load_threads: int = 4
    threads: int = 0
    """That own sockets; 0 for one per core."""
    backend_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    cache: CacheChoice | None = None
    supplies: tuple[Supply, ...] | None = None
    """Of what instances share; ``None`` where they are not limited, empty for as much as each may want."""
    latencies: Mapping[str, Any] = field(default_factory=dict)
    """Latency summaries and histograms, as the native extension is told."""
    log: LogOptions = field(default_factory=LogOptions)
    trace: TraceOptions = field(default_factory=TraceOptions)
    notes: tuple[str, ...] = ()
    """What to tell at the start: flags that have no effect, deprecated ones."""
