"""From ``--trace-config`` and the older ``--trace-*`` flags to what is traced."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from trilith.cli import values
from trilith.cli.parse import nearest
from trilith.server.options import CollectorOptions, TraceOptions

MAX_WHOLE = 2**32 - 1
MAX_COUNT = 2**31 - 1
"""Numbers by which the protocol bounds its settings."""

_OFF = ("off", "false")
_TIMESTAMPS = ("timestamps", "true", "on", "min", "max")
_TENSORS = ("tensors",)

_Reader = Callable[[str], Any]


def _level(text: str) -> str:
    word = text.lower()
    for name, spellings in (("OFF", _OFF), ("TIMESTAMPS", _TIMESTAMPS), ("TENSORS", _TENSORS)):
        if word in spellings:
            return name
    raise ValueError("expected TIMESTAMPS, TENSORS or OFF")


def _count(text: str) -> int | None:
    number: int = values.whole(-1, MAX_COUNT).read(text)
    return None if number < 0 else number


_WHOLE = values.whole(0, MAX_WHOLE).read
_SIZE = values.whole(1, MAX_WHOLE).read

_SETTINGS: dict[str, dict[str, tuple[str, _Reader]]] = {
    "": {
        "rate": ("rate", _WHOLE),
        "level": ("levels", _level),
        "count": ("count", _count),
        "mode": ("mode", values.choice("triton", "opentelemetry").read),
    },
    "triton": {"file": ("file", str), "log-frequency": ("log_frequency", _WHOLE)},
    "opentelemetry": {
        "url": ("url", str),
        "resource": ("resource", values.SETTING.read),
        "bsp_max_queue_size": ("most_waiting", _SIZE),
        "bsp_schedule_delay": ("delay_ms", _WHOLE),
        "bsp_max_export_batch_size": ("most_sent", _SIZE),
    },
}
"""Settings by mode and name: the field that they fill, and how their text is read."""

_OLD_FLAGS = {
    "trace_file": "triton,file",
    "trace_level": "level",
    "trace_rate": "rate",
    "trace_count": "count",
    "trace_log_frequency": "triton,log-frequency",
}


def trace_options(given: dict[str, Any], problems: list[str]) -> TraceOptions:
    """Make the options of traces.

    Args:
        given: the values of a command line.
        problems: what is wrong with them is added here.
    """
    read: dict[str, Any] = {"levels": [], "resource": []}
    for flag, setting, text in _written(given):
        mode, _, name = setting.rpartition(",")
        try:
            field, reader = _find(mode.lower(), name)
            value = reader(text)
        except ValueError as error:
            written = f"--{flag}={setting}={text}" if flag == "trace-config" else f"--{flag}={text}"
            problems.append(f"{written}: {error}")
            continue
        if field in ("levels", "resource"):
            read[field].append(value)
        else:
            read[field] = value
    levels = read.pop("levels")
    collector = _collector(read, os.environ, problems)
    is_on = "OFF" not in levels
    return TraceOptions(
        **read,
        timestamps=is_on and "TIMESTAMPS" in levels,
        tensors=is_on and "TENSORS" in levels,
        collector=collector,
    )


def _collector(read: dict[str, Any], environment: Mapping[str, str], problems: list[str]) -> CollectorOptions:
    """Take what is about a collector out of what was read, and fill it up from the environment."""
    defaults = CollectorOptions()
    resource = dict(defaults.resource)
    listed = (pair.partition("=") for pair in environment.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","))
    resource |= {key.strip(): value.strip() for key, equals, value in listed if equals}
    given = dict(read.pop("resource"))
    resource |= given
    shown = {"url": read["url"]} if "url" in read else {}
    if given:
        shown["resource"] = ",".join(f"{key}={value}" for key, value in given.items())
    numbers: dict[str, int] = {}
    for name, (field, reader) in _SETTINGS["opentelemetry"].items():
        if not name.startswith("bsp_"):
            continue
        variable = f"OTEL_{name.upper()}"
        try:
            fallback = reader(environment[variable]) if variable in environment else getattr(defaults, field)
        except ValueError as error:
            problems.append(f"{variable}={environment[variable]}: {error}")
            fallback = getattr(defaults, field)
        numbers[field] = read.pop(field, fallback)
        shown[name] = str(numbers[field])
    if numbers["most_sent"] > numbers["most_waiting"]:
        problems.append("--trace-config=opentelemetry: bsp_max_export_batch_size is over bsp_max_queue_size")
    url = read.pop("url", None) or _find_url(environment) or defaults.url
    if read.get("mode") != "opentelemetry":
        shown = {}
    return CollectorOptions(
        url=url,
        headers=_read_headers(_of_exporter(environment, "HEADERS")),
        certificate=_of_exporter(environment, "CERTIFICATE") or None,
        resource=tuple(resource.items()),
        shown=tuple(shown.items()),
        **numbers,
    )


def _of_exporter(environment: Mapping[str, str], name: str) -> str:
    """Return what OpenTelemetry's exporters are told, of traces or of everything."""
    general = environment.get(f"OTEL_EXPORTER_OTLP_{name}", "")
    return environment.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}", "") or general


def _find_url(environment: Mapping[str, str]) -> str:
    url = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    return url or (f"{base.rstrip('/')}/v1/traces" if base else "")


def _read_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Read ``KEY=VALUE,KEY=VALUE``, the values as in a URL."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return tuple((key.strip(), unquote(value.strip())) for key, equals, value in pairs if equals)


def trace_notes(options: TraceOptions) -> list[str]:
    """Say what of the options leads nowhere."""
    if not (options.timestamps or options.tensors):
        return []
    if options.mode == "opentelemetry":
        ignored = "the trace level TENSORS has no effect in mode opentelemetry"
        return [ignored] if options.tensors else []
    if not options.file:
        return ["nothing is traced: no file is named; use --trace-config=triton,file=FILE"]
    if not options.rate:
        return ["nothing is traced: --trace-config=rate=0 takes no request"]
    return []


def _written(given: dict[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Yield flag, setting and text; what comes later prevails, and so does the newer flag."""
    for key, setting in _OLD_FLAGS.items():
        for text in given[key]:
            yield key.replace("_", "-"), setting, text
    for mode, name, text in given["trace_config"]:
        yield "trace-config", f"{mode},{name}" if mode else name, text


def _find(mode: str, name: str) -> tuple[str, _Reader]:
    if mode not in _SETTINGS:
        raise ValueError(f"unknown mode '{mode}'; there are {', '.join(filter(None, _SETTINGS))}")
    known = _SETTINGS[mode]
    if name in known:
        return known[name]
    listed = [f"{other},{key}" if other else key for other, keys in _SETTINGS.items() for key in keys]
    close = nearest(f"{mode},{name}" if mode else name, listed)
    hint = f"did you mean {close}?" if close else f"there are {', '.join(listed)}"
    raise ValueError(f"unknown setting; {hint}")
