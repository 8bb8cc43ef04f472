"""Every flag of the server, as a table. Names and meanings are those of ``tritonserver``."""

from trilith.cli import endpoint_flags, values
from trilith.cli.endpoint_flags import GRPC, HTTP, METRICS, SERVER
from trilith.cli.flag import Flag, Standing
from trilith.cli.values import Kind

_OFF = ("false", "off", "0")
_NO_MESSAGE_LIMIT = 2**31 - 1
"""Triton's own: the largest that gRPC's length prefix is read as by every client."""

REPOSITORY = "Model repository"
LOGGING = "Logging"
BACKENDS = "Backends"

TRACING = "Tracing"


def _old_trace_flags() -> tuple[Flag, ...]:
    newer = {
        "trace-file": "--trace-config=triton,file=FILE",
        "trace-level": "--trace-config=level=LEVEL",
        "trace-rate": "--trace-config=rate=NUMBER",
        "trace-count": "--trace-config=count=NUMBER",
        "trace-log-frequency": "--trace-config=triton,log-frequency=NUMBER",
    }
    return tuple(
        Flag(name, TRACING, values.TEXT, repeats=True, deprecated=instead) for name, instead in newer.items()
    )


USED = (
    Flag(
        "model-repository",
        REPOSITORY,
        values.FOLDER,
        "Folder that holds one folder for each model. May be given several times; a name must be unique "
        "across all of them.",
        repeats=True,
    ),
    Flag("model-store", REPOSITORY, values.FOLDER, repeats=True, alias_of="model-repository"),
    Flag(
        "model-control-mode",
        REPOSITORY,
        values.choice("none", "poll", "explicit"),
        "How models come and go while the server runs. none: all are loaded at the start. poll: as they "
        "come, change and go in the repositories. explicit: as clients ask for it.",
        "none",
    ),
    Flag(
        "load-model",
        REPOSITORY,
        values.TEXT,
        "Model to load at the start in mode explicit; * loads all. May be given several times.",
        repeats=True,
    ),
    Flag(
        "model-namespacing",
        REPOSITORY,
        values.BOOLEAN,
        "Whether repositories may hold models of the same name. Such a name stands for none of them.",
        default=False,
    ),
    Flag(
        "repository-poll-secs",
        REPOSITORY,
        values.whole(),
        "Seconds between two looks at the repositories in mode poll.",
        15,
    ),
    Flag(
        "model-load-thread-count",
        REPOSITORY,
        values.whole(1, 1024),
        "How many models load side by side.",
        4,
    ),
    Flag(
        "model-config-name",
        REPOSITORY,
        values.TEXT,
        "Prefer configs/TEXT.pbtxt of a model over its config.pbtxt.",
        "",
    ),
    Flag(
        "disable-auto-complete-config",
        REPOSITORY,
        values.NOTHING,
        "Take configurations as they are written; nothing is filled in from the models.",
        default=False,
    ),
    Flag(
        "strict-model-config",
        REPOSITORY,
        values.BOOLEAN,
        default=False,
        deprecated="--disable-auto-complete-config",
    ),
    Flag(
        "strict-readiness",
        REPOSITORY,
        values.BOOLEAN,
        "Whether the server is ready only if every model is.",
        default=True,
    ),
    Flag(
        "exit-on-error",
        REPOSITORY,
        values.BOOLEAN,
        "Whether to exit if a model cannot be loaded at the start.",
        default=True,
    ),
    Flag("allow-http", HTTP, values.BOOLEAN, "Whether to serve HTTP.", default=True),
    Flag("http-address", HTTP, values.PLACE, "Address to listen on, or unix:PATH.", "0.0.0.0"),  # noqa: S104  as Triton does
    Flag("http-port", HTTP, values.PORT, "Port to listen on; 0 takes a free one.", 8000),
    Flag(
        "reuse-http-port",
        HTTP,
        values.BOOLEAN,
        "Whether other servers may listen on the port too and share its connections.",
        default=False,
    ),
    Flag(
        "http-max-input-size",
        HTTP,
        values.whole(1),
        "Bytes of a request body at most, after decompression too.",
        64 << 20,
    ),
    Flag(
        "http-thread-count",
        HTTP,
        values.whole(1, 1024),
        "Threads that own connections, of HTTP and gRPC together; one for every two cores if not given, "
        "and one for each where connections are many.",
    ),
    Flag("allow-grpc", GRPC, values.BOOLEAN, "Whether to serve gRPC.", default=True),
    Flag("grpc-address", GRPC, values.PLACE, "Address to listen on, or unix:PATH.", "0.0.0.0"),  # noqa: S104  as Triton does
    Flag("grpc-port", GRPC, values.PORT, "Port to listen on; 0 takes a free one.", 8001),
    Flag(
        "reuse-grpc-port",
        GRPC,
        values.BOOLEAN,
        "Whether other servers may listen on the port too and share its connections.",
        default=False,
    ),
    Flag(
        "grpc-max-message-size",
        GRPC,
        values.whole(1, _NO_MESSAGE_LIMIT),
        "Bytes of a message at most. Trilith's own flag; Triton has no limit.",
        _NO_MESSAGE_LIMIT,
    ),
    Flag(
        "grpc-keepalive-time",
        GRPC,
        values.whole(1),
        "Milliseconds without traffic after which a connection is probed.",
        7_200_000,
    ),
    Flag(
        "grpc-keepalive-timeout",
        GRPC,
        values.whole(1),
        "Milliseconds to wait for the answer to a probe before the connection is closed.",
        20_000,
    ),
    Flag("allow-metrics", METRICS, values.BOOLEAN, "Whether to serve Prometheus metrics.", default=True),
    Flag(
        "metrics-address",
        METRICS,
        values.PLACE,
        "Address to listen on, or unix:PATH; that of HTTP if not given, or 127.0.0.1 if that is a socket.",
    ),
    Flag("metrics-port", METRICS, values.PORT, "Port to listen on; 0 takes a free one.", 8002),
    Flag(
        "allow-cpu-metrics",
        METRICS,
        values.BOOLEAN,
        "Whether metrics cover the machine's CPU and memory.",
        default=True,
    ),
    Flag(
        "metrics-config",
        METRICS,
        values.SETTING,
        "summary_latencies=true, summary_quantiles=Q:ERROR,..., histogram_latencies=true.",
        repeats=True,
    ),
    Flag(
        "log-verbose",
        LOGGING,
        values.VERBOSITY,
        "Whether to log what happens inside; 0 does not.",
        0,
    ),
    Flag("log-info", LOGGING, values.BOOLEAN, "Whether to log what happens.", default=True),
    Flag("log-warning", LOGGING, values.BOOLEAN, "Whether to log warnings.", default=True),
    Flag("log-error", LOGGING, values.BOOLEAN, "Whether to log errors.", default=True),
    Flag(
        "log-format",
        LOGGING,
        values.choice("default", "ISO8601", "json"),
        "How lines look; 'json' is one object per line.",
        "default",
    ),
    Flag("log-file", LOGGING, values.FILE, "Where to log to; standard error if not given.", ""),
    Flag(
        "trace-config",
        TRACING,
        values.NAMED_SETTING,
        "level=TIMESTAMPS, level=TENSORS, rate=N (one of N requests), count=N, mode=triton or "
        "mode=opentelemetry; triton,file=FILE, triton,log-frequency=N (traces in one file); "
        "opentelemetry,url=URL, opentelemetry,resource=KEY=VALUE, opentelemetry,bsp_max_queue_size=N, "
        "opentelemetry,bsp_schedule_delay=MS, opentelemetry,bsp_max_export_batch_size=N. May be given "
        "several times.",
        repeats=True,
    ),
    *_old_trace_flags(),
    Flag("id", SERVER, values.TEXT, "Name of the server in its metadata.", "triton"),
    Flag("server-id", SERVER, values.TEXT, alias_of="id"),
    Flag(
        "allow-client-shm",
        SERVER,
        values.BOOLEAN,
        "Whether clients may register shared memory of this machine for their tensors.",
        default=False,
    ),
    Flag(
        "client-timeout-secs",
        SERVER,
        values.whole(1),
        "Seconds that a client may pause within a request or its answer. Trilith's own flag.",
        30,
    ),
    Flag(
        "exit-timeout-secs",
        SERVER,
        values.whole(),
        "Seconds to wait for requests in flight when told to stop.",
        30,
    ),
    Flag(
        "rate-limit",
        SERVER,
        values.choice("off", "execution_count"),
        "Whether instances share what the rate_limiter of their groups names. execution_count: they hold "
        "their resources while they run, and have turns by their priorities.",
        "off",
    ),
    Flag(
        "rate-limit-resource",
        SERVER,
        values.SUPPLY,
        "How much there is of a resource, on each device or on one. Without this flag, as much of each as "
        "the instance asks for that asks for most. May be given several times.",
        repeats=True,
    ),
    Flag(
        "cache-config",
        SERVER,
        values.CACHE_SETTING,
        "Where answers of models with response_cache { enable: true } are kept; local,size=BYTES keeps them "
        "in memory. Several settings of the one cache are given one by one.",
        repeats=True,
    ),
    Flag(
        "response-cache-byte-size",
        SERVER,
        values.whole(),
        "Bytes of answers that are kept in memory; 0 keeps none.",
        0,
        deprecated="--cache-config=local,size=BYTES",
    ),
    Flag(
        "backend-config",
        BACKENDS,
        values.NAMED_SETTING,
        "A setting of one backend, or of all. May be given several times.",
        repeats=True,
    ),
)


def _idle(group: str, kind: Kind, *names: str) -> tuple[Flag, ...]:
    return tuple(Flag(name, group, kind, repeats=True, standing=Standing.IDLE) for name in names)


def _later(group: str, off: tuple[str, ...], *names: str) -> tuple[Flag, ...]:
    return tuple(
        Flag(name, group, values.ANY, repeats=True, standing=Standing.LATER, off=off) for name in names
    )


IDLE = (
    *_idle(BACKENDS, values.FOLDER, "backend-directory"),
    *_idle(SERVER, values.FOLDER, "cache-directory", "repoagent-directory"),
    *_idle(
        SERVER,
        values.NUMBER,
        "min-supported-compute-capability",
        "pinned-memory-pool-byte-size",
        "buffer-manager-thread-count",
    ),
    *_idle(SERVER, values.BOOLEAN, "enable-peer-access"),
    *_idle(
        SERVER,
        values.TEXT,
        "cuda-memory-pool-byte-size",
        "cuda-virtual-address-size",
        "host-policy",
    ),
    *_idle(METRICS, values.BOOLEAN, "allow-gpu-metrics"),
    *_idle(METRICS, values.NUMBER, "metrics-interval-ms"),
    *_idle(
        GRPC,
        values.NUMBER,
        "grpc-infer-thread-count",
        "grpc-infer-allocation-pool-size",
        "grpc-max-response-pool-size",
        "sagemaker-port",
        "sagemaker-thread-count",
        "vertex-ai-port",
        "vertex-ai-thread-count",
    ),
)

LATER = (
    *_later(REPOSITORY, (), "model-load-gpu-limit"),
    *_later(REPOSITORY, ("0",), "model-load-retry-count"),
    *_later(SERVER, _OFF, "allow-sagemaker", "allow-vertex-ai"),
    *_later(SERVER, (), "sagemaker-safe-port-range", "vertex-ai-default-model"),
)

FLAGS = (*USED, *endpoint_flags.USED, *IDLE, *LATER)
