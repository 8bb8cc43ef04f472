"""From ``--trace-config`` and the older ``--trace-*`` flags to what is traced."""

from collections.abc import Callable, Iterable
from typing import Any

from trilith.cli import values
from trilith.cli.parse import nearest
from trilith.server.options import TraceOptions

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

_SETTINGS: dict[str, dict[str, tuple[str, _Reader]]] = {
    "": {
        "rate": ("rate", _WHOLE),
        "level": ("levels", _level),
        "count": ("count", _count),
        "mode": ("mode", values.choice("triton").read),
    },
    "triton": {"file": ("file", str), "log-frequency": ("log_frequency", _WHOLE)},
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
    read: dict[str, Any] = {"levels": []}
    for flag, setting, text in _written(given):
        mode, _, name = setting.rpartition(",")
        try:
            field, reader = _find(mode.lower(), name)
            value = reader(text)
        except ValueError as error:
            written = f"--{flag}={setting}={text}" if flag == "trace-config" else f"--{flag}={text}"
            problems.append(f"{written}: {error}")
            continue
        if field == "levels":
            read[field].append(value)
        else:
            read[field] = value
    levels = read.pop("levels")
    is_on = "OFF" not in levels
    return TraceOptions(
        **read,
        timestamps=is_on and "TIMESTAMPS" in levels,
        tensors=is_on and "TENSORS" in levels,
    )


def trace_notes(options: TraceOptions) -> list[str]:
    """Say what of the options leads nowhere."""
    if not (options.timestamps or options.tensors):
        return []
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
