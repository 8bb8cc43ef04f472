"""Errors as models make and meet them."""

from enum import IntEnum
from typing import ClassVar

from trilith.contract import ModelError


class TritonErrorCode(IntEnum):
    """What kind of failure, by Triton's numbers; the names are those of the contract."""

    UNKNOWN = 0
    INTERNAL = 1
    NOT_FOUND = 2
    INVALID_ARG = 3
    UNAVAILABLE = 4
    UNSUPPORTED = 5
    ALREADY_EXISTS = 6
    CANCELLED = 7


class TritonError:
    """The error that a response carries instead of outputs."""

    __slots__ = ("_code", "_message")

    UNKNOWN: ClassVar = TritonErrorCode.UNKNOWN
    INTERNAL: ClassVar = TritonErrorCode.INTERNAL
    NOT_FOUND: ClassVar = TritonErrorCode.NOT_FOUND
    INVALID_ARG: ClassVar = TritonErrorCode.INVALID_ARG
    UNAVAILABLE: ClassVar = TritonErrorCode.UNAVAILABLE
    UNSUPPORTED: ClassVar = TritonErrorCode.UNSUPPORTED
    ALREADY_EXISTS: ClassVar = TritonErrorCode.ALREADY_EXISTS
    CANCELLED: ClassVar = TritonErrorCode.CANCELLED

    def __init__(self, message: str, code: TritonErrorCode = TritonErrorCode.INTERNAL) -> None:
        """Say what happened and of which kind it is."""
        if not isinstance(message, str):
            raise TypeError(
                f"TritonError(message, code): message is a {type(message).__name__}, expected str"
            )
        self._message = message
        self._code = TritonErrorCode(code)

    def message(self) -> str:
        """Return what happened."""
        return self._message

    def code(self) -> TritonErrorCode:
        """Return its kind."""
        return self._code


class TritonModelException(ModelError):  # noqa: N818 - Triton's name
    """Raised by the functions of this module, and by models that end a whole batch with an error."""
