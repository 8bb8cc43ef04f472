"""What models written for Triton may call and this version does not carry yet."""

from typing import NoReturn

from trilith.bricks.backends.python.utils.errors import TritonModelException
from trilith.contract import ErrorCode


def refuse(what: str, instead: str) -> NoReturn:
    """Raise the error that says that something is not there yet, and what to do instead."""
    raise TritonModelException(
        f"{what} is not carried by this version of Trilith yet; {instead}", ErrorCode.UNSUPPORTED
    )
