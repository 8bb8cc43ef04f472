"""The typed door to the Rust extension."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeAlias, final

from numpy.typing import NDArray

from trilith.contract.cache import Cache

__all__ = [
    "FEATURES",
    "Batch",
    "Call",
    "CallAnswer",
    "Caller",
    "Command",
    "InferenceRequest",
    "InstancePort",
    "Metric",
    "MetricFamily",
    "Model",
    "ResponseSender",
    "Server",
    "Trace",
    "WorkerLink",
    "WorkerPort",
    "file_descriptor_set",
    "inspect_tls",
    "make_batch_input",
]

_Parameter: TypeAlias = bool | int | float | str

FEATURES: tuple[str, ...]
"""Cargo features that this extension was built with: ``http``, ``grpc``, ``metrics``."""

def file_descriptor_set() -> bytes:
    """Return everything in ``proto/``, imports included, as a ``google.protobuf.FileDescriptorSet``."""

def make_batch_input(kind: str, datatype: str, shapes: Sequence[Sequence[int]]) -> NDArray[Any]:
    """Make the values of a batch input, as the engine makes them of a batch.

    Args:
        kind: as ``batch_input`` of a configuration names it: ``BATCH_ELEMENT_COUNT``.
        datatype: ``INT32`` or ``FP32``.
        shapes: of its source in each request, batch dimension included.

    Raises:
        ValueError: there is no such kind, or a number does not fit the datatype.
    """

def inspect_tls(files: str) -> list[tuple[str, str, bool]]:
    """Look what is wrong with the files that TLS needs.

    Args:
        files: JSON object: ``certificate`` and ``key`` (paths of PEM files), optional ``roots`` (who signs
            the certificates of clients; they must show one).

    Returns:
        Which of the files, what is wrong and what to do, and whether there can be no TLS with it.
    """

@final
class Server:
    """The engine and the threads that own sockets. One per process is enough."""

    def __new__(cls, options: str) -> Self:
        """Start the threads; nothing listens yet.

        Args:
            options: JSON object: ``name`` (str), ``version`` (str), ``extensions`` (list of str),
                ``strict_readiness`` (bool), ``client_shared_memory`` (bool: whether clients may register it),
                ``threads`` (int, 0 for one for every two cores and the rest in reserve), ``rate_limit``
                (null, or a list of objects ``name``, ``device`` (null: each), ``count``), ``latencies``
                (object: ``summaries`` bool, ``quantiles`` list of [quantile, error], ``histograms`` bool),
                ``log`` (object: ``file``, ``info``, ``warning``, ``error``, ``verbose``, ``format``),
                ``trace`` (null, or an object: ``mode``, ``timestamps`` and ``tensors`` (bool), ``rate``,
                ``count`` (int or null), ``log_frequency``, ``file``, ``collector`` (object: ``url``,
                ``resource``, ``headers`` and ``shown`` as lists of pairs, ``certificate`` (file, or null),
                ``most_waiting``, ``delay_ms``, ``most_sent``)).

        Raises:
            OSError: traces cannot be written; the message says where to and why.
            ValueError: the options are not of that form, or the collector's address cannot be.
        """

    def add_model(self, spec: str, serialized: bytes) -> Model:
        """Make a version that is not reachable yet.

        Args:
            spec: JSON object: ``name``, optional ``namespace``, ``version`` (int), ``platform``, ``backend``,
                ``max_batch_size``, ``decoupled`` (bool), ``cached`` (bool: whether answers are kept, if the
                server has a cache), ``inputs`` and ``outputs`` (lists of objects ``name``, ``datatype``
                (``FP32``), ``dims``, ``reshape`` (list or null), ``optional``, ``ragged``, ``labels``),
                ``scheduler`` (object: ``dynamic`` bool, ``preferred_batch_sizes``,
                ``max_queue_delay_microseconds``, ``preserve_ordering``, ``priority_levels``,
                ``default_priority_level``, ``default_policy`` and ``policies`` (object from level to policy),
                a policy being ``timeout_action`` (``REJECT`` or ``DELAY``), ``default_timeout_microseconds``,
                ``allow_timeout_override``, ``max_queue_size``), ``sequence`` (null, or an object:
                ``max_idle_microseconds``, ``iterative`` bool, ``strategy``, ``controls`` and ``states`` as
                :mod:`trilith.config.sequences` writes them: a strategy is ``{"direct": {...}}`` or
                ``{"oldest": {...}}``; a control has ``name``, ``datatype``, ``kind`` (``START``, ``END``,
                ``READY``, ``CORRID``) and ``false_true`` (two numbers or null); a state ``input``,
                ``output``, ``datatype``, ``dims``, ``initial_dims``, ``initial`` (hex, or null for zeros)),
                ``histogram_bounds`` (list of milliseconds, empty for Triton's), ``batch_inputs`` (list of
                objects ``kind``, as in ``config.pbtxt``, ``targets``, ``datatype``, ``source``),
                ``batch_outputs`` (list of objects ``targets``, ``source``), ``ensemble`` (null, or a list of
                steps: ``model``, optional ``namespace``, ``version`` (int or null), ``inputs`` and
                ``outputs`` (lists of pairs: name of the model's tensor, name of the ensemble's),
                ``decoupled``, ``names_outputs`` (whether outputs are asked for by name)), ``config_json``
                (str, as the configuration extension shows it).
            serialized: the configuration as ``inference.ModelConfig``.

        Raises:
            ValueError: the spec is not of that form.
        """

    def use_native_cache(self, spec: str, too_large: Callable[[str, int, int, int], object]) -> None:
        """Give models that are made from now on a cache for their answers, kept by the native core.

        Args:
            spec: JSON object: ``name`` (``local``), ``size`` (bytes of all answers together).
            too_large: called, once for each model version and from a thread of its own, when an answer is
                larger than the whole cache: model, version, bytes of the answer, bytes of the cache.

        Raises:
            ValueError: the spec is not of that form.
            RuntimeError: the server has a cache already.
        """

    def use_cache(self, cache: Cache) -> None:
        """Give models that are made from now on a cache for their answers.

        It is called from four threads of its own. At most 1024 calls and 64 MiB of answers wait for them;
        requests beyond that go without the cache.

        Raises:
            RuntimeError: the server has a cache already.
        """

    def set_state(self, name: str, version: int | None, state: str, reason: str) -> None:
        """Say in which state a version is: UNKNOWN, LOADING, READY, UNLOADING or UNAVAILABLE.

        ``name`` here and below is a model's key: its name, or ``NAMESPACE/NAME`` where it is of a namespace.
        """

    def forget(self, name: str, version: int | None) -> None:
        """Remove a model, or one version of it, from the index."""

    def index(self) -> list[tuple[str, int | None, str, str]]:
        """Return key, version, state and reason of everything that is known."""

    def serve_http(self, options: str) -> int:
        """Listen for HTTP.

        Args:
            options: JSON object: ``address`` (or ``unix:PATH``), ``port`` (0 for a free one),
                ``max_input_size`` (bytes), ``reuse_port`` (bool), optional ``socket_mode`` (permissions of a
                Unix domain socket), ``encryption`` (as :func:`inspect_tls` takes it; of HTTP and gRPC),
                ``max_connections``, ``client_timeout_seconds`` (for a handshake, the rest of a header, the
                next part of a body, and for reading the answer).

        Returns:
            The port; 0 for a Unix domain socket.

        Raises:
            OSError: the address cannot be listened on; the message names it.
        """

    def serve_grpc(self, options: str) -> int:
        """Listen for gRPC.

        Options: ``address``, ``port``, ``reuse_port``, ``max_message_size``, ``keepalive_time_ms``,
        ``keepalive_timeout_ms``, optional ``client_timeout_seconds``, ``permit_without_calls``,
        ``max_pings_without_data``, ``min_ping_interval_ms``, ``max_ping_strikes`` (what gRPC's C-core does
        with its arguments of that kind). Returns and raises like :meth:`serve_http`.
        """

    def serve_metrics(self, options: str) -> int:
        """Listen for metrics.

        Options: ``address``, ``port``, ``cpu`` (bool), optional ``client_timeout_seconds``. Returns and
        raises like :meth:`serve_http`.
        """

    def next_command(self) -> Command | None:
        """Wait for the next command of a client, the GIL released; ``None`` when the server ends.

        Commands are refused until this is called for the first time. At most 256 are unanswered at a time.
        """

    def open(self) -> None:
        """Say that start-up is over: the server is ready as soon as its models are."""

    def is_ready(self) -> bool:
        """Say whether ``/v2/health/ready`` answers 200."""

    def begin_shutdown(self) -> None:
        """Stop accepting connections and requests; what is in flight goes on."""

    def in_flight(self) -> int:
        """Count requests admitted and not yet answered."""

    def wait_idle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is in flight; false if time ran out first.

        Releases the GIL; wakes for signals.
        """

    def finish_traces(self) -> str | None:
        """Write the traces that have ended, and take no more.

        Returns:
            What was lost, if anything.
        """

    def close(self) -> None:
        """End connections and threads."""

@final
class Command:
    """Something that a client wants done to a model, and the client's wait for it.

    Only the first answer counts; one that is dropped unanswered fails.
    """

    @property
    def kind(self) -> str:
        """What is wanted.

        ``load``, ``unload``; ``refresh``: look into the repositories before the index is told; ``log``: write
        the log in another way; ``notice``: say something in the log.
        """

    @property
    def model(self) -> str:
        """Name of the model; empty for what is about none."""

    @property
    def asker(self) -> tuple[str, bool] | None:
        """Key of the model that wants it, and whether that is being loaded itself; ``None`` for a client."""

    def take_parameters(self) -> dict[str, bool | str | bytes]:
        """Take what else was said; once, for it may be large.

        ``config`` and ``file:...`` of a load, ``unload_dependents`` of an unload, ``info``, ``warning``,
        ``error``, ``verbose`` (a number as text) and ``format`` of a log, ``message`` of a notice.
        """

    def succeed(self) -> None:
        """Say that it was done."""

    def fail(self, message: str, code: str = "INTERNAL") -> None:
        """Say that it could not be done; ``code`` is a value of ``ErrorCode``."""

@final
class Model:
    """One version of a model inside the engine."""

    def publish(self) -> None:
        """Make it take requests (state READY).

        A version served before under this name and number is displaced and goes on with the requests it has.
        """

    def withdraw(self) -> bool:
        """Stop it taking requests (state UNLOADING), if it is the one that serves under its name and number.

        Returns:
            Whether it was; one that was displaced takes none already, and what displaced it goes on.
        """

    def describe(self, config_json: str, serialized: bytes) -> None:
        """Show another configuration to clients; signature and scheduling stay as they are.

        Args:
            config_json: as ``config_json`` of :meth:`Server.add_model`.
            serialized: the configuration as ``inference.ModelConfig``.
        """

    def open_instance(self, demand: str = "") -> InstancePort:
        """Open the place from which an instance in this process takes its batches.

        Args:
            demand: what it holds while it runs, where the server limits its instances; empty for nothing.
                JSON object: ``resources`` (list of objects ``name``, ``device`` (null: the whole server's),
                ``count``), ``priority``.

        Raises:
            ValueError: the demand is not of that form, or more than there is.
        """

    def caller(self) -> Caller:
        """Return the way of an instance in this process to the rest of the server before it takes batches."""

    def ask_by(self, check: Callable[[], str | None]) -> None:
        """Have a function asked, never twice at once, why the model cannot serve; ``None`` where it can."""

    def connect_worker(self, socket_descriptor: int, demand: str = "") -> WorkerLink:
        """Take over the server's end of a worker's channel: a connected Unix stream socket.

        The descriptor is owned by the link from here on; ``demand`` and what it raises as for
        :meth:`open_instance`. What the worker asks for is served at once; batches come with
        :meth:`WorkerLink.run`.
        """

    def in_flight(self) -> int:
        """Count requests admitted and not yet answered."""

    def wait_idle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is in flight; false if time ran out first."""

    def close(self) -> None:
        """End it: ports close, requests still queued fail with UNAVAILABLE."""

@final
class InstancePort:
    """Where an instance in this process takes its batches."""

    def next_batch(self) -> Batch | None:
        """Wait for the next batch, the GIL released; ``None`` when the model has ended."""

    def caller(self) -> Caller:
        """Return the way by which the instance's model makes requests of others."""

    def close(self) -> None:
        """Take the instance out of service; a blocked :meth:`next_batch` returns ``None``."""

@final
class WorkerLink:
    """The server's end of the channel to one worker process. Traffic runs on native threads."""

    def loaded(self) -> str | None:
        """Wait, the GIL released, for what the worker says of its loading; ``None`` if it ended before."""

    def run(self) -> str:
        """Serve batches to the worker until its end closes or :meth:`close` is called; the GIL is released.

        Returns:
            Empty if it ended because the model ended or it was closed; otherwise what happened. Requests
            that the worker held have failed with that, when this returns.
        """

    def close(self) -> None:
        """Let the worker finish the requests that it has, then end the channel."""

@final
class WorkerPort:
    """The worker's end of the channel: the same batches as in the server."""

    def __new__(cls, socket_descriptor: int, spec: str) -> Self:
        """Take over the worker's end.

        Args:
            socket_descriptor: a connected Unix stream socket.
            spec: as for :meth:`Server.add_model`.
        """

    def say_loaded(self, what: str) -> None:
        """Tell whoever started this process that the model is loaded, or why it is not."""

    def next_batch(self) -> Batch | None:
        """Wait for the next batch, the GIL released; ``None`` when no other will come.

        What the model asks of the server is answered after that too, until the process ends.
        """

    def caller(self) -> Caller:
        """Return the way by which the instance's model makes requests of others."""

@final
class Batch:
    """See :class:`trilith.contract.Batch`."""

    @property
    def size(self) -> int: ...
    @property
    def requests(self) -> Sequence[InferenceRequest]: ...
    @property
    def inputs(self) -> dict[str, NDArray[Any]]: ...
    @property
    def requested_outputs(self) -> list[str]: ...
    def finish(self, outputs: Mapping[str, NDArray[Any]] | None) -> None:
        """Answer every request from outputs over the whole batch; with ``None``, fail those left unanswered.

        Mistakes in ``outputs`` (unknown name, wrong shape) fail the requests, not this call.
        """

    def fail(self, message: str, code: str) -> None:
        """Fail every request that is left unanswered."""

@final
class InferenceRequest:
    """See :class:`trilith.contract.InferenceRequest`."""

    @property
    def id(self) -> str: ...
    @property
    def correlation_id(self) -> int | str: ...
    @property
    def flags(self) -> int: ...
    @property
    def priority(self) -> int: ...
    @property
    def timeout(self) -> int: ...
    @property
    def trace(self) -> Trace | None: ...
    @property
    def parameters(self) -> dict[str, _Parameter]: ...
    @property
    def requested_outputs(self) -> list[str]: ...
    @property
    def inputs(self) -> dict[str, NDArray[Any]]: ...
    def is_cancelled(self) -> bool: ...
    def respond(
        self, outputs: Mapping[str, NDArray[Any]], parameters: Mapping[str, _Parameter] | None = None
    ) -> None: ...
    def fail(self, message: str, code: str = "INTERNAL") -> None: ...
    def reschedule(self) -> None: ...
    def open_sender(self) -> ResponseSender: ...

@final
class ResponseSender:
    """See :class:`trilith.contract.ResponseSender`."""

    def respond(
        self,
        outputs: Mapping[str, NDArray[Any]],
        parameters: Mapping[str, _Parameter] | None = None,
        *,
        last: bool = False,
    ) -> None: ...
    def fail(self, message: str, code: str = "INTERNAL", *, last: bool = False) -> None: ...
    def finish(self) -> None: ...
    def is_cancelled(self) -> bool: ...

@final
class Trace:
    """See :class:`trilith.contract.Trace`."""

    @property
    def context(self) -> str | None: ...

@final
class Caller:
    """See :class:`trilith.contract.Caller`."""

    def call(
        self,
        form: str,
        inputs: list[tuple[str, str, NDArray[Any]]],
        parameters: dict[str, _Parameter],
        trace: Any = None,
    ) -> Call: ...
    def is_ready(self, model: str, version: int | None) -> bool: ...
    def change_model(
        self, kind: str, model: str, parameters: dict[str, bool | str | bytes]
    ) -> tuple[str, str] | None: ...
    def open_family(self, name: str, help: str, kind: str) -> MetricFamily: ...  # noqa: A002 - the format's word

@final
class Call:
    """See :class:`trilith.contract.Call`."""

    @property
    def has_ended(self) -> bool: ...
    def receive(self) -> CallAnswer | None: ...
    def take(self) -> CallAnswer | None: ...
    def notify(self, callback: Callable[[], object]) -> None: ...
    def cancel(self) -> None: ...

@final
class CallAnswer:
    """See :class:`trilith.contract.CallAnswer`."""

    @property
    def is_final(self) -> bool: ...
    @property
    def error(self) -> tuple[str, str] | None: ...
    @property
    def outputs(self) -> list[tuple[str, str, NDArray[Any]]]: ...
    @property
    def parameters(self) -> dict[str, _Parameter]: ...

@final
class MetricFamily:
    """See :class:`trilith.contract.MetricFamily`."""

    def metric(self, labels: list[tuple[str, str]], buckets: list[float] | None) -> Metric: ...

@final
class Metric:
    """See :class:`trilith.contract.Metric`."""

    def increment(self, value: float) -> None: ...
    def set(self, value: float) -> None: ...
    def observe(self, value: float) -> None: ...
    def value(self) -> float: ...
