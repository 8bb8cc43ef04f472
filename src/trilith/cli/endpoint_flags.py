"""The flags that say who may speak to the endpoints, and how."""

from trilith.cli import values
from trilith.cli.flag import Flag

HTTP = "HTTP"
GRPC = "gRPC"
METRICS = "Metrics"
SERVER = "Server"


def _encryption(group: str, name: str, remark: str) -> tuple[Flag, ...]:
    return (
        Flag(
            f"{name}-use-ssl",
            group,
            values.BOOLEAN,
            f"Whether connections are encrypted with TLS.{remark}",
            default=False,
        ),
        Flag(
            f"{name}-use-ssl-mutual",
            group,
            values.BOOLEAN,
            f"Whether clients must show a certificate that --{name}-root-cert vouches for; implies TLS.",
            default=False,
        ),
        Flag(f"{name}-server-cert", group, values.FILE, "The server's certificate chain, as PEM.", ""),
        Flag(f"{name}-server-key", group, values.FILE, "The key of that certificate, as PEM.", ""),
        Flag(f"{name}-root-cert", group, values.FILE, "Who signs the certificates of clients, as PEM.", ""),
    )


def _headers(group: str, name: str, restriction: str, prefix: str) -> tuple[Flag, ...]:
    return (
        Flag(
            restriction,
            group,
            values.RESTRICTION,
            f"Parts of the protocol that are for those alone who send a header {prefix}KEY with this value: "
            f"{', '.join(values.APIS)}. May be given several times.",
            repeats=True,
        ),
        Flag(
            f"{name}-header-forward-pattern",
            group,
            values.TEXT,
            "Headers in whose name this regular expression is found become parameters of inference requests.",
            "",
        ),
    )


_PINGS = (
    Flag(
        "grpc-keepalive-permit-without-calls",
        GRPC,
        values.BOOLEAN,
        "Whether connections without calls are probed, and may probe as often as others. If not given, they "
        "are probed, so that dead ones are found.",
    ),
    Flag(
        "grpc-http2-max-pings-without-data",
        GRPC,
        values.whole(),
        "Probes of a client at most while nothing else is sent to it; 0, or not given, for any number.",
    ),
    Flag(
        "grpc-http2-min-recv-ping-interval-without-data",
        GRPC,
        values.whole(),
        "Milliseconds between pings of a client while nothing else is sent to it, if this or the next is "
        "given; 300000 with the next one alone, and two hours while no call is open, unless permitted.",
    ),
    Flag(
        "grpc-http2-max-ping-strikes",
        GRPC,
        values.whole(),
        "Pings of a client that may come too soon before its connection is ended; 0 for any number, "
        "2 where only the flag before is given.",
    ),
)

USED = (
    *_headers(HTTP, "http", "http-restricted-api", ""),
    *_headers(GRPC, "grpc", "grpc-restricted-protocol", "triton-grpc-protocol-"),
    Flag(
        "grpc-infer-response-compression-level",
        GRPC,
        values.choice("none", "low", "medium", "high"),
        "How hard responses are compressed for clients that take compressed ones.",
        "none",
    ),
    Flag(
        "grpc-max-connection-age",
        GRPC,
        values.whole(1),
        "Milliseconds, less or more a tenth, after which a connection is ended and its client connects anew.",
    ),
    Flag(
        "grpc-max-connection-age-grace",
        GRPC,
        values.whole(),
        "Milliseconds that calls in flight have when the age is reached; without an end if not given.",
    ),
    *_PINGS,
    *_encryption(HTTP, "http", " Trilith's own, as the four that follow; Triton's HTTP has no TLS."),
    *_encryption(GRPC, "grpc", ""),
    Flag(
        "unix-socket-mode",
        SERVER,
        values.MODE,
        "Permissions of Unix domain sockets, in octal: who can write can connect. Trilith's own flag.",
        0o660,
    ),
)
