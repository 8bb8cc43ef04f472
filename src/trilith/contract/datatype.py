"""Element types of tensors, by their KServe v2 names, and their NumPy counterparts."""

from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    def numpy(self) -> "np.dtype[np.generic]":
        """The NumPy dtype of arrays that carry this datatype.

        BYTES travel as object arrays of ``bytes``; BF16, which NumPy does not have,
        as the ``uint16`` of its bits.
        """
        return _dtype(self)

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


_NUMPY = {
    DataType.FP16: "float16",
    DataType.BF16: "uint16",
    DataType.FP32: "float32",
    DataType.FP64: "float64",
    DataType.BYTES: "object",
}
"""What NumPy calls by another word."""


@cache
def _dtype(datatype: DataType) -> "np.dtype[np.generic]":
    import numpy as np  # noqa: PLC0415  who reads manifests need not have it

    return np.dtype(_NUMPY.get(datatype, datatype.lower()))
