"""What is wrong with the certificates and keys of a server: all of it, before anything listens."""

import json
from collections.abc import Callable, Iterable

from trilith.server.options import Endpoint

Inspect = Callable[[str], list[tuple[str, str, bool]]]
"""See :func:`trilith.native.inspect_tls`."""

_FLAGS = {"certificate": "server-cert", "key": "server-key", "roots": "root-cert"}


def inspect(endpoints: Iterable[Endpoint], look: Inspect) -> tuple[list[str], list[str]]:
    """Look at the files of all endpoints.

    Returns:
        What makes encryption impossible, and what people should know beside; each names flag and file.
    """
    problems: list[str] = []
    warnings: list[str] = []
    for endpoint in endpoints:
        files = endpoint.settings.get("encryption")
        if not files:
            continue
        for what, message, is_fatal in look(json.dumps(files)):
            line = f"--{endpoint.name}-{_FLAGS[what]}={files[what]}: {message}"
            (problems if is_fatal else warnings).append(line)
    return problems, warnings
