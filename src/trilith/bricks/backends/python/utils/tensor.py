"""Tensors as models see them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trilith.bricks.backends.python.utils import dlpack
from trilith.bricks.backends.python.utils.datatypes import (
    BF16,
    BYTES,
    NUMBER_BY_DTYPE,
    encode_elements,
    find_number,
)
from trilith.bricks.backends.python.utils.errors import TritonModelException


class Tensor:
    """An input or an output, on the CPU."""

    __slots__ = ("_array", "_name", "_number")

    def __init__(self, name: str, array: NDArray[Any]) -> None:
        """Make an output from an array, which is not copied where it is contiguous.

        Raises:
            TypeError: the array is none, or the name no text.
            TritonModelException: the name is empty, or tensors cannot be of the array's dtype.
        """
        if not isinstance(name, str) or not isinstance(array, np.ndarray):
            raise TypeError(
                f"Tensor(name, array): got {type(name).__name__} and {type(array).__name__}, "
                f"expected str and numpy.ndarray"
            )
        if not name:
            raise TritonModelException("Tensor name cannot be an empty string.")
        self._name = name
        self._number = NUMBER_BY_DTYPE.get(array.dtype) or find_number(array.dtype)
        self._array = array if array.flags.c_contiguous else np.ascontiguousarray(array)

    @staticmethod
    def from_dlpack(name: str, tensor: Any) -> "Tensor":
        """Make an output from a DLPack capsule, or from an object that gives one.

        Raises:
            TritonModelException: it is neither, or in the memory of a GPU.
        """
        array, is_bfloat16 = dlpack.read_tensor(tensor)
        made = Tensor(name, array)
        if is_bfloat16:
            made._number = BF16
        return made

    def name(self) -> str:
        """Return its name."""
        return self._name

    def as_numpy(self) -> NDArray[Any]:
        """Return it as an array, which may be written to.

        Raises:
            TritonModelException: it is BF16, which NumPy does not have.
        """
        if self._number == BF16:
            raise TritonModelException(
                f"tensor '{self._name}' is BF16, which cannot be converted to NumPy; "
                f"use to_dlpack() and from_dlpack() instead",
            )
        return self._get_writeable()

    def _get_writeable(self) -> NDArray[Any]:
        array = self._array
        if not array.flags.writeable:
            # Memory of the server that others may read; models written for Triton may write to theirs.
            array = self._array = array.copy()
        return array

    def triton_dtype(self) -> int:
        """Return its datatype by Triton's number."""
        return self._number

    def shape(self) -> list[int]:
        """Return its extents."""
        return list(self._array.shape)

    def is_cpu(self) -> bool:
        """Return true: tensors in the memory of a GPU are not carried yet."""
        return True

    def to_dlpack(self) -> Any:
        """Return it as a DLPack capsule.

        Raises:
            TritonModelException: it is BYTES.
        """
        if self._number == BYTES:
            raise TritonModelException("DLPack does not have support for string tensors.")
        return dlpack.make_capsule(self._get_writeable(), is_bfloat16=self._number == BF16)

    def __dlpack__(self, stream: Any = None, **_: Any) -> Any:
        """Return it as a DLPack capsule."""
        del stream
        return self.to_dlpack()

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return where its memory is."""
        return dlpack.CPU

    def payload(self) -> NDArray[Any]:
        """Return the array as the contract wants outputs: BYTES as ``bytes``, BF16 as bits."""
        return encode_elements(self._array) if self._number == BYTES else self._array


class InputTensor(Tensor):
    """An input, made once for each tensor of each request, so without the checks."""

    __slots__ = ()

    def __init__(self, name: str, array: NDArray[Any], number: int = 0) -> None:
        """Wrap an array of the server; ``number`` is its datatype where the dtype does not say it."""
        self._name = name
        self._array = array
        self._number = number or NUMBER_BY_DTYPE[array.dtype]
