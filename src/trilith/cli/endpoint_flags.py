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


USED = (
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
