"""BYTES on our side, Unicode text on ONNX Runtime's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trilith.contract import ErrorCode, ModelError


def decode_elements(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return the text of each element.

    Raises:
        ModelError: an element of the input of that name is not UTF-8.
    """
    texts = np.empty(array.size, object)
    for index, element in enumerate(array.ravel()):
        try:
            texts[index] = element.decode()
        except UnicodeDecodeError as error:
            raise ModelError(
                f"input '{name}': element {index} is not UTF-8 text, which ONNX Runtime takes strings as "
                f"(byte {error.start}: {error.reason})",
                ErrorCode.INVALID_ARG,
            ) from None
    return texts.reshape(array.shape)


def encode_elements(array: NDArray[Any]) -> NDArray[Any]:
    """Return the bytes of each element, in UTF-8."""
    elements = np.empty(array.size, object)
    elements[:] = [str(text).encode() for text in array.ravel()]
    return elements.reshape(array.shape)
