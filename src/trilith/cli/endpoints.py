"""From the values of a command line to the doors that a server opens."""

from collections.abc import Mapping, Sequence
from typing import Any

from trilith.server.options import Endpoint

_EVERYWHERE = ("0.0.0.0", "::", "[::]")  # noqa: S104  compared, not bound
_UNIX = "unix:"
_GRPC_PREFIX = "triton-grpc-protocol-"


def build_endpoints(given: Mapping[str, Any], problems: list[str]) -> tuple[Endpoint, ...]:
    """Make the endpoints that are asked for; what is wrong with them joins ``problems``."""
    makers = {"http": _http, "grpc": _grpc, "metrics": _metrics}
    endpoints = tuple(make(given, problems) for name, make in makers.items() if given[f"allow_{name}"])
    problems += _clashes(endpoints)
    return endpoints


def _http(given: Mapping[str, Any], problems: list[str]) -> Endpoint:
    address = given["http_address"]
    settings = {
        "max_input_size": given["http_max_input_size"],
        "reuse_port": given["reuse_http_port"],
        **_common(given, address),
        **_encryption(given, "http", problems),
        **_headers(given, ("http", "http-restricted-api", ""), problems),
    }
    return Endpoint("http", "HTTP", address, given["http_port"], settings)


def _grpc(given: Mapping[str, Any], problems: list[str]) -> Endpoint:
    address = given["grpc_address"]
    settings = {
        "max_message_size": given["grpc_max_message_size"],
        "reuse_port": given["reuse_grpc_port"],
        "keepalive_time_ms": given["grpc_keepalive_time"],
        "keepalive_timeout_ms": given["grpc_keepalive_timeout"],
        **_common(given, address),
        **_encryption(given, "grpc", problems),
        **_headers(given, ("grpc", "grpc-restricted-protocol", _GRPC_PREFIX), problems),
        **_chosen(
            permit_without_calls=given["grpc_keepalive_permit_without_calls"],
            max_pings_without_data=given["grpc_http2_max_pings_without_data"],
            min_ping_interval_ms=given["grpc_http2_min_recv_ping_interval_without_data"],
            max_ping_strikes=given["grpc_http2_max_ping_strikes"],
            max_connection_age_ms=given["grpc_max_connection_age"],
            max_connection_age_grace_ms=given["grpc_max_connection_age_grace"],
            response_compression=given["grpc_infer_response_compression_level"],
        ),
    }
    return Endpoint("grpc", "gRPC", address, given["grpc_port"], settings)


def _metrics(given: Mapping[str, Any], _problems: list[str]) -> Endpoint:
    # What is on a socket for this machine alone is not shown to others by its metrics.
    beside_http = "127.0.0.1" if given["http_address"].startswith(_UNIX) else given["http_address"]
    address = given["metrics_address"] or beside_http
    settings = {"cpu": given["allow_cpu_metrics"], **_common(given, address)}
    return Endpoint("metrics", "metrics", address, given["metrics_port"], settings)


def _common(given: Mapping[str, Any], address: str) -> dict[str, Any]:
    mode = {"socket_mode": given["unix_socket_mode"]} if address.startswith(_UNIX) else {}
    return {"client_timeout_seconds": given["client_timeout_secs"], **mode}


def _headers(given: Mapping[str, Any], names: tuple[str, str, str], problems: list[str]) -> dict[str, Any]:
    name, flag, prefix = names
    seen: set[str] = set()
    restrictions = []
    for apis, key, value in given[flag.replace("-", "_")]:
        problems += [
            f"--{flag}={','.join(apis)}:{key}=...: '{api}' is restricted twice; it can be in one group only"
            for index, api in enumerate(apis)
            if api in seen or api in apis[:index]
        ]
        seen.update(apis)
        restrictions.append({"apis": apis, "header": f"{prefix}{key}", "value": value})
    pattern = given[f"{name}_header_forward_pattern"]
    return _chosen(restrictions=restrictions, header_pattern=pattern)


def _chosen(**settings: Any) -> dict[str, Any]:
    """Leave out what was not asked for."""
    return {name: value for name, value in settings.items() if value not in (None, "", "none", [])}


def _encryption(given: Mapping[str, Any], name: str, problems: list[str]) -> dict[str, Any]:
    mutual = given[f"{name}_use_ssl_mutual"]
    if not mutual and not given[f"{name}_use_ssl"]:
        return {}
    files = {"certificate": "server-cert", "key": "server-key"} | ({"roots": "root-cert"} if mutual else {})
    found = {}
    for what, flag in files.items():
        found[what] = given[f"{name}_{flag}".replace("-", "_")]
        if not found[what]:
            switch = f"--{name}-use-ssl-mutual" if mutual else f"--{name}-use-ssl"
            problems.append(f"{switch}=true needs --{name}-{flag}=FILE")
    return {"encryption": found}


def _clashes(endpoints: Sequence[Endpoint]) -> list[str]:
    problems = []
    for index, one in enumerate(endpoints):
        for other in endpoints[:index]:
            if one.address.startswith(_UNIX) or other.address.startswith(_UNIX):
                if one.address == other.address:
                    problems.append(
                        f"--{other.name}-address and --{one.name}-address are both {one.address}; "
                        "give each its own socket"
                    )
                continue
            same = one.address == other.address or one.address in _EVERYWHERE or other.address in _EVERYWHERE
            if same and one.port == other.port != 0:
                problems.append(
                    f"--{other.name}-port and --{one.name}-port are both {one.port}; give each its own"
                )
    return problems
