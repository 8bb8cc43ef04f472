"""From the values of a command line to what the server is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trilith.cli import values
from trilith.cli.endpoints import build_endpoints
from trilith.cli.flag import Standing
from trilith.cli.parse import Parsed, nearest
from trilith.cli.tracing import trace_notes, trace_options
from trilith.contract import TrilithError
from trilith.runtime.caches import DEFAULT_CACHE
from trilith.runtime.limits import Supply
from trilith.runtime.logs import LogOptions
from trilith.server.control import ControlMode
from trilith.server.options import CacheChoice, ServerOptions

DEFAULT_QUANTILES = ((0.5, 0.05), (0.9, 0.01), (0.95, 0.001), (0.99, 0.001), (0.999, 0.001))
"""Of latency summaries, each with the error it may have; Triton's."""

_LATENCY_SETTINGS = {
    "counter_latencies": "counters",
    "histogram_latencies": "histograms",
    "summary_latencies": "summaries",
}
"""Settings of ``--metrics-config`` that are true or false, as the native extension calls them."""


class UsageError(TrilithError):
    """A command line cannot be; the message holds every mistake, one line each."""


def build_options(parsed: Parsed, example: str) -> ServerOptions:
    """Make the options of a server.

    Args:
        parsed: the command line.
        example: how to name a model repository, for the message if none was.

    Raises:
        UsageError: something is wrong with it; all of it is named.
    """
    given = parsed.values
    problems = list(parsed.problems)
    problems += _repository_problems(given["model_repository"], example)
    problems += _startup_problems(given)
    endpoints = build_endpoints(given, problems)
    latencies = _latencies(given["metrics_config"], problems)
    cache = _cache(given["cache_config"], given["response_cache_byte_size"], problems)
    trace = trace_options(given, problems)
    if problems:
        raise UsageError("\n".join(problems))
    return ServerOptions(
        repositories=tuple(Path(folder) for folder in given["model_repository"]),
        endpoints=endpoints,
        server_id=given["id"],
        strict_readiness=given["strict_readiness"],
        client_shared_memory=given["allow_client_shm"],
        exit_on_error=given["exit_on_error"],
        exit_timeout_seconds=given["exit_timeout_secs"],
        complete_configurations=not (given["disable_auto_complete_config"] or given["strict_model_config"]),
        configuration_name=given["model_config_name"],
        control_mode=ControlMode(given["model_control_mode"]),
        startup_models=tuple(dict.fromkeys(given["load_model"])),
        poll_seconds=given["repository_poll_secs"],
        namespaces=given["model_namespacing"],
        load_threads=given["model_load_thread_count"],
        threads=given["http_thread_count"] or 0,
        backend_settings=group_settings(given["backend_config"]),
        cache=cache,
        supplies=_supplies(given),
        latencies=latencies,
        log=log_options(given),
        trace=trace,
        notes=(*_notes(parsed), *trace_notes(trace)),
    )


def _repository_problems(folders: Sequence[str], example: str) -> list[str]:
    if not folders:
        return [f"no model repository is named; for example: {example}"]
    return [
        f"model repository '{folder}' is not on this machine, and this version reads no other; "
        "copy it into a folder and name that"
        for folder in folders
        if "://" in folder
    ]


def _startup_problems(given: dict[str, Any]) -> list[str]:
    named = given["load_model"]
    if named and given["model_control_mode"] != ControlMode.EXPLICIT:
        return ["--load-model names what to load in --model-control-mode=explicit; other modes load all"]
    if "*" in named and len(set(named)) > 1:
        return ["--load-model=* loads all models; name no others beside it"]
    return []


def log_options(given: dict[str, Any]) -> LogOptions:
    """Make the options of the log."""
    return LogOptions(
        format=given["log_format"],
        file=given["log_file"],
        verbose=given["log_verbose"],
        info=given["log_info"],
        warning=given["log_warning"],
        error=given["log_error"],
    )


def group_settings(settings: Sequence[tuple[str, str, str]]) -> dict[str, dict[str, str]]:
    """Group values of ``--backend-config`` by backend."""
    grouped: dict[str, dict[str, str]] = {}
    for backend, key, value in settings:
        grouped.setdefault(backend, {})[key] = value
    return grouped


def _supplies(given: dict[str, Any]) -> tuple[Supply, ...] | None:
    if given["rate_limit"] == "off":
        return None
    return tuple(Supply(name, count, device) for name, count, device in given["rate_limit_resource"])


def _cache(
    settings: Sequence[tuple[str, str, str]], byte_size: int, problems: list[str]
) -> CacheChoice | None:
    grouped = group_settings(settings)
    if byte_size:
        if grouped:
            problems.append(
                "--cache-config and --response-cache-byte-size exclude each other; keep the first"
            )
        grouped = grouped or {DEFAULT_CACHE: {"size": str(byte_size)}}
    if len(grouped) > 1:
        listed = ", ".join(grouped)
        problems.append(
            f"--cache-config: a server has one cache, found settings of {listed}; keep one of them"
        )
    return next((CacheChoice(name, of_it) for name, of_it in grouped.items()), None)


def _latencies(settings: Sequence[tuple[str, str]], problems: list[str]) -> dict[str, Any]:
    latencies: dict[str, Any] = {
        "summaries": False,
        "histograms": False,
        "quantiles": [list(pair) for pair in DEFAULT_QUANTILES],
    }
    for key, value in settings:
        try:
            if key == "summary_quantiles":
                latencies["quantiles"] = _quantiles(value)
            else:
                latencies[_LATENCY_SETTINGS[key]] = values.BOOLEAN.read(value)
        except KeyError:
            close = nearest(key, [*_LATENCY_SETTINGS, "summary_quantiles"])
            hint = f"; did you mean {close}?" if close else f"; there are {', '.join(_LATENCY_SETTINGS)}"
            problems.append(f"--metrics-config={key}={value}: unknown setting{hint}")
        except ValueError as error:
            problems.append(f"--metrics-config={key}={value}: {error}")
    if not latencies.pop("counters", True):
        problems.append("--metrics-config=counter_latencies=false: the counters are always served")
    return latencies


def _quantiles(text: str) -> list[list[float]]:
    pairs = []
    for part in text.split(","):
        quantile, separator, error = part.partition(":")
        try:
            pair = [float(quantile), float(error)]
        except ValueError:
            pair = []
        if not separator or not pair or not all(0.0 <= number <= 1.0 for number in pair):
            raise ValueError(f"expected QUANTILE:ERROR, both from 0 to 1, found '{part}'")
        pairs.append(pair)
    return pairs


def _notes(parsed: Parsed) -> list[str]:
    notes = [
        f"--{flag.name} is deprecated; use {flag.deprecated}"
        for flag in dict.fromkeys(parsed.given)
        if flag.deprecated
    ]
    idle = [f"--{flag.name}" for flag in dict.fromkeys(parsed.given) if flag.standing is Standing.IDLE]
    if idle:
        notes.append(f"accepted without effect: {', '.join(idle)}")
    return notes
