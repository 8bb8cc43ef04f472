"""Exchanges tensors with other libraries by DLPack, on the CPU.

NumPy has no BF16: such tensors are arrays of ``uint16`` on our side, and only the type code in the capsule
says what they are. It is read and written in place, at its offset in ``DLManagedTensor``
(https://dmlc.github.io/dlpack/latest/c_api.html).
"""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trilith.bricks.backends.python.utils.absent import refuse
from trilith.bricks.backends.python.utils.errors import TritonModelException

CPU = (1, 0)
"""Device type and number of the CPU."""

_HOST_DEVICES = (1, 3)
"""Memory of the CPU, plain and pinned."""

_CAPSULE_NAME = b"dltensor"
_CODE_OFFSET = 20
"""Of the type code: behind the data pointer, the device (two integers) and the number of dimensions."""

_UNSIGNED = 1
_BFLOAT = 4

_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype = ctypes.c_void_p
_get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def make_capsule(array: NDArray[Any], *, is_bfloat16: bool) -> Any:
    """Return the capsule of an array; with ``is_bfloat16``, of the BF16 whose bits it holds."""
    capsule = array.__dlpack__()
    if is_bfloat16:
        _get_code(capsule).value = _BFLOAT
    return capsule


def read_tensor(tensor: Any) -> tuple[NDArray[Any], bool]:
    """Return an array over the memory of a capsule, or of an object that gives one, and whether it is BF16.

    Raises:
        TritonModelException: it is neither, or its memory is not the CPU's.
    """
    capsule = tensor
    if type(tensor).__name__ != "PyCapsule":
        if not hasattr(tensor, "__dlpack__") or not hasattr(tensor, "__dlpack_device__"):
            raise TritonModelException(
                f"a {type(tensor).__name__} cannot be a tensor; expected a DLPack capsule, or an object with "
                f"__dlpack__ and __dlpack_device__",
            )
        if tensor.__dlpack_device__()[0] not in _HOST_DEVICES:
            refuse("a tensor in the memory of a GPU", "move it to the CPU first")
        capsule = tensor.__dlpack__()
    code = _get_code(capsule)
    is_bfloat16 = code.value == _BFLOAT
    if is_bfloat16:
        code.value = _UNSIGNED
    array: NDArray[Any] = np.from_dlpack(_Exporter(capsule))
    return array, is_bfloat16


def _get_code(capsule: Any) -> ctypes.c_uint8:
    return ctypes.c_uint8.from_address(_get_pointer(capsule, _CAPSULE_NAME) + _CODE_OFFSET)


class _Exporter:
    """Gives a capsule to NumPy, which takes none by itself."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU
