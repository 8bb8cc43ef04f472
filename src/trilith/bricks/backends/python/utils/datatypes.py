"""Datatypes by Triton's numbers and names, and BYTES tensors in their serialized form."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trilith.bricks.backends.python.utils.errors import TritonModelException
from trilith.contract import DataType

BYTES = 13
BF16 = 14

_NUMPY_BY_NUMBER: dict[int, Any] = {
    1: np.bool_,
    2: np.uint8,
    3: np.uint16,
    4: np.uint32,
    5: np.uint64,
    6: np.int8,
    7: np.int16,
    8: np.int32,
    9: np.int64,
    10: np.float16,
    11: np.float32,
    12: np.float64,
    BYTES: np.object_,
}

NUMBER_BY_DTYPE: dict[np.dtype[Any], int] = {
    np.dtype(kind): number for number, kind in _NUMPY_BY_NUMBER.items()
}
"""Numbers of the dtypes that tensors may have; byte strings of a fixed length are BYTES besides."""

_NAMES = "BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 BYTES BF16"

DATATYPE_BY_NUMBER: dict[int, str] = dict(enumerate(_NAMES.split(), start=1))
"""Names of the datatypes, as they are written in requests."""

TRITON_STRING_TO_NUMPY: dict[str, Any] = {
    datatype.config_name: datatype.numpy.type for datatype in DataType if datatype is not DataType.BF16
} | {"TYPE_BOOL": bool}

_LENGTH = struct.Struct("<I")


def find_number(dtype: np.dtype[Any]) -> int:
    """Return the number of an array's dtype.

    Raises:
        TritonModelException: tensors cannot be of that dtype.
    """
    number = NUMBER_BY_DTYPE.get(dtype, BYTES if dtype.kind == "S" else 0)
    if not number:
        raise TritonModelException(
            f"NumPy dtype is not supported: {dtype}; convert the array to a dtype that a tensor can have "
            f"(texts with astype(object))",
        )
    return number


def triton_to_numpy_type(data_type: int) -> Any:
    """Return the NumPy type of a datatype's number; ``None`` where there is none."""
    return _NUMPY_BY_NUMBER.get(data_type)


def numpy_to_triton_type(data_type: Any) -> int | None:
    """Return the number of a NumPy type; ``None`` where there is none."""
    dtype = np.dtype(data_type)
    return NUMBER_BY_DTYPE.get(dtype, BYTES if dtype.kind == "S" else None)


def triton_string_to_numpy(triton_type_string: str) -> Any:
    """Return the NumPy type of a datatype's name in ``config.pbtxt``.

    Raises:
        KeyError: there is none of that name.
    """
    return TRITON_STRING_TO_NUMPY[triton_type_string]


def encode_element(element: Any) -> bytes:
    """Return the bytes of an element of a BYTES tensor; what is no bytes is written as text."""
    return element if isinstance(element, bytes) else str(element).encode()


def encode_elements(array: NDArray[Any]) -> NDArray[Any]:
    """Return a BYTES tensor whose elements are all ``bytes``; the array itself where they are already."""
    if array.dtype.kind == "S":
        return array.astype(object)
    if set(map(type, array.flat)) <= {bytes}:
        return array
    encoded = np.empty(array.size, object)
    encoded[:] = [encode_element(element) for element in array.flat]
    return encoded.reshape(array.shape)


def serialize_byte_tensor(input_tensor: NDArray[Any]) -> bytes | tuple[()] | None:
    """Return the elements one after the other, each behind its length (four bytes, little-endian).

    As in Triton, an empty tensor gives ``()`` and one that holds no strings ``None``.
    """
    if input_tensor.size == 0:
        return ()
    if input_tensor.dtype.kind not in "OS":
        return None
    elements = [encode_element(element) for element in input_tensor.flat]
    return b"".join(part for element in elements for part in (_LENGTH.pack(len(element)), element))


def deserialize_bytes_tensor(encoded_tensor: bytes) -> NDArray[Any]:
    """Return the elements that :func:`serialize_byte_tensor` wrote, in one dimension.

    Raises:
        struct.error: it ends in the middle of an element.
    """
    elements: list[bytes] = []
    offset = 0
    while offset < len(encoded_tensor):
        (length,) = _LENGTH.unpack_from(encoded_tensor, offset)
        offset += _LENGTH.size
        elements += struct.unpack_from(f"<{length}s", encoded_tensor, offset)
        offset += length
    return np.array(elements, dtype=np.object_)
