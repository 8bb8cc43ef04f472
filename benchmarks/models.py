"""The models of the benchmarks, and the repositories that hold them for either side."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.networks import mlp_bytes

IDENTITY_MODEL_PY = '''\
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Gives back what it is given."""

    def execute(self, requests):
        responses = []
        for request in requests:
            data = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
            output = pb_utils.Tensor("OUTPUT0", data)
            responses.append(pb_utils.InferenceResponse(output_tensors=[output]))
        return responses
'''

STREAM_MODEL_PY = '''\
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Answers each request %(responses)d times: what it is given, plus the number of the answer."""

    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            data = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
            for number in range(%(responses)d):
                output = pb_utils.Tensor("OUTPUT0", data + data.dtype.type(number))
                sender.send(pb_utils.InferenceResponse(output_tensors=[output]))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
'''

# One thread for the network on both sides of a comparison, so that the bare loop and the server
# have the same means and the rest of the machine is left to sockets and clients.
ONE_THREAD = """\
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
parameters { key: "inter_op_thread_count" value { string_value: "1" } }
"""


FIRST_SEQUENCE = 1001
"""Ids of sequences count up from here: all of them have as many digits."""
# Idle for longer than any load lasts; the model is told what sequence models want to be told.
SEQUENCES = """\
sequence_batching {
  max_sequence_idle_microseconds: 600000000
  oldest { max_candidate_sequences: %d }
  control_input { name: "START" control { kind: CONTROL_SEQUENCE_START bool_false_true: [ false, true ] } }
  control_input { name: "CORRID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 } }
}
"""


@dataclass(frozen=True)
class Tensor:
    """Name, configuration type, wire datatype and dimensions (without the batch) of a tensor."""

    name: str
    datatype: str
    dims: tuple[int, ...]


@dataclass(frozen=True)
class Model:
    """One row of the table: what is served, and by which backend on either side."""

    name: str
    backend: str  # on our side
    input: Tensor
    output: Tensor
    max_batch_size: int = 0
    batching: bool = False
    peer: str | None = None  # the model of the real Triton that it is held against; None: has none
    options: str = ""
    shared: bool = False  # whether its tensors lie in shared memory in place of the request
    sequences: int = 0  # that send requests at one time; 0: requests know nothing of each other
    steps: tuple[str, ...] = ()  # of an ensemble: the models that a tensor goes through
    responses: int = 1  # to each request; more than one: over a stream, numbered in their values
    cached: bool = False  # whether its answers are kept: after the first, the cache gives them
    windows: int = 1  # how many times the usual window a measurement lasts

    def configuration(self, backend: str) -> str:
        """Write the text of config.pbtxt: the same for both sides apart from the backend's name."""
        lines = [
            f'name: "{self.name}"',
            f"max_batch_size: {self.max_batch_size}",
            _tensor_text("input", self.input),
            _tensor_text("output", self.output),
        ]
        if self.steps:
            return "\n".join(['platform: "ensemble"', *lines, self._step_texts()]) + "\n"
        lines += [f'backend: "{backend}"', "instance_group [ { count: 1 kind: KIND_CPU } ]"]
        if self.batching:
            lines.append("dynamic_batching { }")
        if self.sequences:
            lines.append(SEQUENCES % self.sequences)
        if self.responses > 1:
            lines.append("model_transaction_policy { decoupled: true }")
        if self.cached:
            lines.append("response_cache { enable: true }")
        return "\n".join(lines) + "\n" + self.options

    def _step_texts(self) -> str:
        """Write steps that hand the tensor on, each to the next."""
        between = (f"TENSOR{index}" for index in range(1, len(self.steps)))
        names = [self.input.name, *between, self.output.name]
        steps = [
            f'  step {{ model_name: "{step}" model_version: -1\n'
            f'    input_map {{ key: "{MODELS[step].input.name}" value: "{names[index]}" }}\n'
            f'    output_map {{ key: "{MODELS[step].output.name}" value: "{names[index + 1]}" }} }}'
            for index, step in enumerate(self.steps)
        ]
        return "\n".join(["ensemble_scheduling {", *steps, "}"])

    def source(self) -> str:
        """Write the text of model.py."""
        return STREAM_MODEL_PY % {"responses": self.responses} if self.responses > 1 else IDENTITY_MODEL_PY

    def shape(self) -> tuple[int, ...]:
        """Give the shape of one request."""
        return (1, *self.input.dims) if self.max_batch_size else self.input.dims


def _tensor_text(field: str, tensor: Tensor) -> str:
    dims = ", ".join(str(size) for size in tensor.dims)
    return f'{field} [ {{ name: "{tensor.name}" data_type: TYPE_{tensor.datatype} dims: [ {dims} ] }} ]'


def _floats(size: int) -> tuple[Tensor, Tensor]:
    return Tensor("INPUT0", "FP32", (size,)), Tensor("OUTPUT0", "FP32", (size,))


def _small(name: str, backend: str, *, batching: bool) -> Model:
    """FP32[16], served with dynamic batching or with none at all."""
    peer = "identity" if batching else "identity_direct"
    size = 64 if batching else 0
    return Model(name, backend, *_floats(16), max_batch_size=size, batching=batching, peer=peer)


def _ensemble(name: str, *, batching: bool) -> Iterator[Model]:
    """Three python models, one behind the other, and what hands a tensor through them."""
    steps = tuple(f"{name}_step{index}" for index in (1, 2, 3))
    for step in steps:
        yield Model(step, "python", *_floats(16), max_batch_size=64, batching=batching)
    yield Model(name, "", *_floats(16), max_batch_size=64, peer=name, steps=steps)


MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        _small("identity", "identity", batching=True),
        _small("identity_direct", "identity", batching=False),
        _small("python", "python", batching=True),
        _small("python_direct", "python", batching=False),
        _small("mlp", "onnxruntime", batching=True),
        _small("mlp_direct", "onnxruntime", batching=False),
        Model("sequence", "python", *_floats(16), max_batch_size=64, sequences=64, peer="sequence"),
        Model("stream", "python", *_floats(16), responses=100, peer="stream"),
        *_ensemble("ensemble", batching=True),
        *_ensemble("ensemble_direct", batching=False),
        Model("cached", "python", *_floats(16), max_batch_size=64, peer="cached", cached=True),
        # 1 MiB: 262144 values of four bytes.
        Model("large", "identity", *_floats(262144), max_batch_size=8, batching=True, peer="large"),
        Model("shared", "identity", *_floats(262144), peer="shared", shared=True),
        Model(
            "magika",
            "onnxruntime",
            Tensor("bytes", "INT32", (2048,)),
            Tensor("target_label", "FP32", (214,)),
            max_batch_size=4,
            batching=True,
            options=ONE_THREAD,
            windows=4,  # an execution takes tens of milliseconds: the edges of a short window would count
        ),
    )
}


def example_input(model: Model) -> NDArray[np.generic]:
    """Make what every request carries; small multiples of a quarter, exact in every notation."""
    if model.input.datatype == "INT32":
        return np.random.default_rng(0).integers(0, 256, model.shape(), dtype=np.int32)
    size = int(np.prod(model.input.dims))
    return (np.arange(size, dtype=np.float32) % 64 / 4).reshape(model.shape())


def write_repository(directory: Path, names: tuple[str, ...], *, ours: bool, magika: Path) -> Path:
    """Write a model repository with the named models and give back its path.

    Args:
        directory: written anew.
        names: rows of `MODELS`.
        ours: for Trilith; else for the real Triton, where every model is a Python identity.
        magika: the ONNX file of that network.

    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name in dict.fromkeys(part for one in names for part in (*MODELS[one].steps, one)):
        model = MODELS[name]
        backend = model.backend if ours else "python"
        version = directory / name / "1"
        version.mkdir(parents=True)
        (directory / name / "config.pbtxt").write_text(model.configuration(backend))
        if model.steps:
            continue
        if backend == "python":
            (version / "model.py").write_text(model.source())
        elif name == "magika":
            shutil.copy2(magika, version / "model.onnx")
        elif backend == "onnxruntime":
            (version / "model.onnx").write_bytes(mlp_bytes(batched=model.max_batch_size > 0))
    return directory
