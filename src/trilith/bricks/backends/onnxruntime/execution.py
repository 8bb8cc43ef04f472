"""Runs batches on a session.

Outputs come as arrays over the memory that ONNX Runtime made for them, so that binding outputs beforehand
saves no copy on the CPU; it was measured to be slower.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trilith.bricks.backends.onnxruntime.bfloat16 import run_values
from trilith.bricks.backends.onnxruntime.errors import translate_run_error
from trilith.bricks.backends.onnxruntime.signature import ModelTensor, Signature
from trilith.bricks.backends.onnxruntime.strings import decode_elements, encode_elements
from trilith.contract import Batch, DataType, ModelConfiguration, ModelError, TensorSpec

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, RunOptions

Array: TypeAlias = NDArray[Any]
Conversion: TypeAlias = Callable[[Array], Array]

_SHRINKAGE = "memory.enable_memory_arena_shrinkage"


class OnnxInstance:
    """Runs batches on a session that other instances may share."""

    def __init__(
        self, configuration: ModelConfiguration, session: "InferenceSession", signature: Signature
    ) -> None:
        """Prepare the road that the model's datatypes need."""
        self._name = configuration.name
        self._options = _make_run_options(configuration)
        tensors = {
            tensor.name: tensor for tensor in signature.inputs + signature.optional_inputs + signature.outputs
        }
        self._before = _choose_input_conversions(configuration.run_inputs, tensors)
        self._after = _choose_output_conversions(configuration.run_outputs, tensors)
        specs = (*configuration.run_inputs, *configuration.run_outputs)
        bfloats = {spec.name for spec in specs if spec.datatype is DataType.BF16}
        self._run: Callable[[Sequence[str], Mapping[str, Array], RunOptions], Sequence[Array]] = (
            partial(run_values, session, bfloats) if bfloats else session.run
        )

    def execute(self, batch: Batch) -> Mapping[str, Array]:
        """Run a batch; only the outputs that somebody wants are computed."""
        names = batch.requested_outputs
        feeds = batch.inputs
        if self._before:
            feeds = {name: self._convert(name, array) for name, array in feeds.items()}
        try:
            values = self._run(names, feeds, self._options)
        except ModelError:
            raise
        except Exception as error:
            raise translate_run_error(error, self._name) from error
        outputs = dict(zip(names, values, strict=True))
        for name in self._after.keys() & outputs.keys():
            outputs[name] = self._after[name](outputs[name])
        return outputs

    def _convert(self, name: str, array: Array) -> Array:
        convert = self._before.get(name)
        return array if convert is None else convert(array)

    def close(self) -> None:
        """Let go of the session."""
        del self._run


def _make_run_options(configuration: ModelConfiguration) -> "RunOptions":
    from onnxruntime import RunOptions  # noqa: PLC0415 - imported with the first model

    options = RunOptions()
    if value := configuration.parameters.get(_SHRINKAGE):
        options.add_run_config_entry(_SHRINKAGE, value)
    return options


def _choose_input_conversions(
    specs: Sequence[TensorSpec], tensors: Mapping[str, ModelTensor]
) -> dict[str, Conversion]:
    conversions: dict[str, Conversion] = {}
    for spec in specs:
        if _is_scalar(spec, tensors[spec.name]):
            conversions[spec.name] = partial(_feed_scalar, spec)
        elif spec.datatype is DataType.BYTES:
            conversions[spec.name] = partial(decode_elements, name=spec.name)
    return conversions


def _choose_output_conversions(
    specs: Sequence[TensorSpec], tensors: Mapping[str, ModelTensor]
) -> dict[str, Conversion]:
    conversions: dict[str, Conversion] = {}
    for spec in specs:
        if _is_scalar(spec, tensors[spec.name]):
            conversions[spec.name] = partial(_return_scalar, spec)
        elif spec.datatype is DataType.BYTES:
            conversions[spec.name] = encode_elements
    return conversions


def _is_scalar(spec: TensorSpec, tensor: ModelTensor) -> bool:
    """Whether the model has no dimension where the configuration, which must have some, writes ones."""
    return not tensor.shape and spec.reshape is None and set(spec.dims) == {1}


def _feed_scalar(spec: TensorSpec, array: Array) -> Array:
    single = array.reshape(())
    return decode_elements(single, spec.name) if spec.datatype is DataType.BYTES else single


def _return_scalar(spec: TensorSpec, array: Array) -> Array:
    value = np.asarray(array)
    single = value.reshape(spec.dims) if value.size == 1 else value
    return encode_elements(single) if spec.datatype is DataType.BYTES else single
