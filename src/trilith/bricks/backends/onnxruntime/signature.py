"""What a session takes and gives, in the words of the contract."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trilith.contract import DataType

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_DATATYPES = {
    "tensor(bool)": DataType.BOOL,
    "tensor(uint8)": DataType.UINT8,
    "tensor(uint16)": DataType.UINT16,
    "tensor(uint32)": DataType.UINT32,
    "tensor(uint64)": DataType.UINT64,
    "tensor(int8)": DataType.INT8,
    "tensor(int16)": DataType.INT16,
    "tensor(int32)": DataType.INT32,
    "tensor(int64)": DataType.INT64,
    "tensor(float16)": DataType.FP16,
    "tensor(bfloat16)": DataType.BF16,
    "tensor(float)": DataType.FP32,
    "tensor(double)": DataType.FP64,
    "tensor(string)": DataType.BYTES,
}


@dataclass(frozen=True)
class ModelTensor:
    """An input or an output of an ONNX model."""

    name: str
    kind: str
    """Its type as ONNX Runtime writes it: ``tensor(float)``, ``seq(tensor(int64))``."""
    shape: tuple[int, ...]
    """Extents, batch dimension included, -1 where they vary. Empty for a scalar, and where the model does not
    say: ONNX Runtime makes no difference between the two."""

    @property
    def datatype(self) -> DataType | None:
        """Its element type; ``None`` where the protocol has none for it."""
        return _DATATYPES.get(self.kind)

    @property
    def is_batchable(self) -> bool:
        """Whether its first dimension may be of any extent."""
        return bool(self.shape) and self.shape[0] < 0


@dataclass(frozen=True)
class Signature:
    """What a session takes and gives, in the model's own order."""

    inputs: tuple[ModelTensor, ...]
    optional_inputs: tuple[ModelTensor, ...]
    """Those that have a value of their own in the model, which a request may override."""
    outputs: tuple[ModelTensor, ...]

    @classmethod
    def read(cls, session: "InferenceSession") -> "Signature":
        """Ask a session."""
        return cls(
            _read_tensors(session.get_inputs()),
            _read_tensors(session.get_overridable_initializers()),
            _read_tensors(session.get_outputs()),
        )


def _read_tensors(arguments: Sequence[Any]) -> tuple[ModelTensor, ...]:
    return tuple(
        ModelTensor(
            argument.name,
            argument.type,
            tuple(extent if isinstance(extent, int) and extent >= 0 else -1 for extent in argument.shape),
        )
        for argument in arguments
    )
