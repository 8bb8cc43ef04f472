"""A proxy from the command line: for everything this process starts, and for nothing that is written."""

import os
from collections.abc import MutableMapping
from urllib.parse import urlsplit

from trilith.build.problems import BuildError, Problem
from trilith.build.secrets import redact

SCHEMES = ("http", "https", "socks5", "socks5h")
# Programs differ in which they read: git and pip the small ones, others the large ones.
_NAMES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")


def use_proxy(address: str, environment: MutableMapping[str, str] | None = None) -> None:
    """Have git, pip, cargo, container engines and this process ask a proxy.

    Raises:
        BuildError: it is no address of a proxy.
    """
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES or not parts.hostname or not address.isprintable():
        hint = "write http://HOST:PORT"
        raise BuildError([Problem(f"--proxy={redact(address)}: expected an address", suggestion=hint)])
    variables = os.environ if environment is None else environment
    variables.update(dict.fromkeys(_NAMES, address))
