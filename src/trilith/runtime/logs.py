"""Log lines: for people at a terminal, or JSON; the same in the server and in worker processes."""

import json
import logging
import sys
import time
from dataclasses import dataclass, replace
from typing import Any, TextIO

_LETTERS = {"DEBUG": "V", "INFO": "I", "WARNING": "W", "ERROR": "E", "CRITICAL": "E"}
_COLOURS = {"W": "\033[33m", "E": "\033[31m", "V": "\033[2m"}
_PLAIN = "\033[0m"


@dataclass(frozen=True)
class LogOptions:
    """What is logged, how and where."""

    format: str = "default"
    """``default``, ``ISO8601`` or ``json``."""
    file: str = ""
    """Empty for standard error."""
    verbose: int = 0
    info: bool = True
    warning: bool = True
    error: bool = True

    def shows(self, level: int) -> bool:
        """Whether records of a level are logged."""
        if level >= logging.ERROR:
            return self.error
        if level >= logging.WARNING:
            return self.warning
        return self.info if level >= logging.INFO else self.verbose > 0


class LineFormatter(logging.Formatter):
    """``I1122 15:06:59.557899 message``, or with the time as ISO 8601.

    A record's ``block`` (a table, say) follows its message on lines of its own.
    """

    def __init__(self, *, iso: bool = False, colour: bool = False) -> None:
        """Choose how time is written, and whether warnings and errors are coloured."""
        super().__init__()
        self._iso = iso
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        letter = _LETTERS.get(record.levelname, "I")
        if self._iso:
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
            head = f"{moment} {letter}"
        else:
            moment = time.strftime("%m%d %H:%M:%S", time.localtime(record.created))
            head = f"{letter}{moment}.{int(record.created % 1 * 1e6):06d}"
        if self._colour and letter in _COLOURS:
            head = f"{_COLOURS[letter]}{head}{_PLAIN}"
        text = f"{head} {record.getMessage()}"
        block = getattr(record, "block", "")
        if block:
            text = f"{text}\n{block}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class JsonFormatter(logging.Formatter):
    """One JSON object per record; a record's ``fields`` are members of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, Any] = {
            "time": f"{moment}.{int(record.created % 1 * 1e6):06d}Z",
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class _Live:
    """What holds in this process."""

    options = LogOptions()
    handler: logging.Handler | None = None
    is_colourful = False


def current() -> LogOptions:
    """Return what holds in this process."""
    return _Live.options


def change(options: LogOptions) -> None:
    """Log in another way from now on; where to stays as it is."""
    _Live.options = replace(options, file=_Live.options.file)
    _apply()


def configure(options: LogOptions, stream: TextIO | None = None) -> None:
    """Send the log of this process where it belongs.

    Raises:
        OSError: the log file cannot be opened.
    """
    handler: logging.Handler
    if options.file:
        handler = logging.FileHandler(options.file, encoding="utf-8")
        colour = False
    else:
        target = stream or sys.stderr
        handler = logging.StreamHandler(target)
        colour = target.isatty()
    _Live.options, _Live.handler, _Live.is_colourful = options, handler, colour
    handler.addFilter(lambda record: _Live.options.shows(record.levelno))
    root = logging.getLogger()
    for previous in root.handlers[:]:
        root.removeHandler(previous)
    root.addHandler(handler)
    _apply()
    logging.captureWarnings(capture=True)


def _apply() -> None:
    options = _Live.options
    if _Live.handler is not None:
        plain = LineFormatter(iso=options.format == "ISO8601", colour=_Live.is_colourful)
        _Live.handler.setFormatter(JsonFormatter() if options.format == "json" else plain)
    logging.getLogger().setLevel(logging.DEBUG if options.verbose else logging.INFO)
