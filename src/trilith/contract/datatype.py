"""Element types of tensors, by their KServe v2 names, and their NumPy counterparts."""

from enum import StrEnum

import numpy as np


class DataType(StrEnum):
    """The element type of a tensor."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    BF16 = "BF16"
    FP32 = "FP32"
    FP64 = "FP64"
    BYTES = "BYTES"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy dtype of arrays that carry this datatype.

        BYTES travel as object arrays of ``bytes``; BF16, which NumPy does not have,
        as the ``uint16`` of its bits.
        """
        return _NUMPY[self]

    @classmethod
    def from_config(cls, name: str) -> "DataType":
        """Return the datatype that ``config.pbtxt`` writes as ``name``, such as ``TYPE_FP32``.

        Raises:
            ValueError: there is none of that name.
        """
        plain = name.removeprefix("TYPE_")
        return cls("BYTES" if plain == "STRING" else plain)

    @property
    def config_name(self) -> str:
        """The name in ``config.pbtxt``, such as ``TYPE_FP32``."""
        return "TYPE_STRING" if self is DataType.BYTES else f"TYPE_{self.value}"


_NUMPY: dict[DataType, np.dtype[np.generic]] = {
    DataType.BOOL: np.dtype(np.bool_),
    DataType.UINT8: np.dtype(np.uint8),
    DataType.UINT16: np.dtype(np.uint16),
    DataType.UINT32: np.dtype(np.uint32),
    DataType.UINT64: np.dtype(np.uint64),
    DataType.INT8: np.dtype(np.int8),
    DataType.INT16: np.dtype(np.int16),
    DataType.INT32: np.dtype(np.int32),
    DataType.INT64: np.dtype(np.int64),
    DataType.FP16: np.dtype(np.float16),
    DataType.BF16: np.dtype(np.uint16),
    DataType.FP32: np.dtype(np.float32),
    DataType.FP64: np.dtype(np.float64),
    DataType.BYTES: np.dtype(np.object_),
}
