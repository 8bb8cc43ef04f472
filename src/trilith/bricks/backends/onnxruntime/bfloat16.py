"""Runs models with BF16 tensors, which ONNX Runtime's Python interface does not exchange with NumPy.

They go in and out as values of ONNX Runtime's own, made of the ``uint16`` of their bits.
"""

import ctypes
import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, OrtValue, RunOptions

_ONNX_BFLOAT16 = 16
"""``onnx.TensorProto.BFLOAT16``."""


def run_values(
    session: "InferenceSession",
    bfloats: Collection[str],
    names: Sequence[str],
    feeds: Mapping[str, NDArray[Any]],
    options: "RunOptions",
) -> list[NDArray[Any]]:
    """Run a session like its own ``run``; tensors named in ``bfloats`` travel as bits."""
    from onnxruntime import OrtValue  # noqa: PLC0415 - imported with the first model

    values = {
        name: OrtValue.ortvalue_from_numpy_with_onnx_type(array, _ONNX_BFLOAT16)
        if name in bfloats
        else OrtValue.ortvalue_from_numpy(array)
        for name, array in feeds.items()
    }
    results = session.run_with_ort_values(names, values, options)
    return [
        _read_bits(value) if name in bfloats else value.numpy()
        for name, value in zip(names, results, strict=True)
    ]


def _read_bits(value: "OrtValue") -> NDArray[np.uint16]:
    shape = value.shape()
    count = math.prod(shape)
    if count == 0:
        return np.empty(shape, np.uint16)
    raw = ctypes.string_at(value.data_ptr(), count * 2)
    return np.frombuffer(raw, np.uint16).reshape(shape)
