"""Lets models write into the server's log."""

import logging
from enum import IntEnum
from typing import ClassVar

_LOG = logging.getLogger("trilith.models")

_CALLER = 2
"""Stack level of who called a method of :class:`Logger`: the log names that line of ``model.py``."""


class LogLevel(IntEnum):
    """Levels by Triton's names."""

    INFO = 0
    WARNING = 1
    ERROR = 2
    VERBOSE = 3


_LEVELS = {
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
    LogLevel.VERBOSE: logging.DEBUG,
}


class Logger:
    """Writes into the server's log; each line names the place in ``model.py`` that it comes from."""

    INFO: ClassVar = LogLevel.INFO
    WARNING: ClassVar = LogLevel.WARNING
    ERROR: ClassVar = LogLevel.ERROR
    VERBOSE: ClassVar = LogLevel.VERBOSE

    @staticmethod
    def log(message: str, level: LogLevel = LogLevel.INFO) -> None:
        """Write a message of that level."""
        _LOG.log(_LEVELS[level], "%s", message, stacklevel=_CALLER)

    @staticmethod
    def log_info(message: str) -> None:
        """Write what is worth knowing."""
        _LOG.info("%s", message, stacklevel=_CALLER)

    @staticmethod
    def log_warn(message: str) -> None:
        """Write what may become a problem."""
        _LOG.warning("%s", message, stacklevel=_CALLER)

    @staticmethod
    def log_error(message: str) -> None:
        """Write what went wrong."""
        _LOG.error("%s", message, stacklevel=_CALLER)

    @staticmethod
    def log_verbose(message: str) -> None:
        """Write what only helps to find a mistake."""
        _LOG.debug("%s", message, stacklevel=_CALLER)


Logger.LogLevel = LogLevel  # type: ignore[attr-defined] # Triton nests it; annotations above need the plain name
