"""What a model is configured to be, and where one of its instances runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trilith.contract.datatype import DataType
from trilith.contract.sequence import list_inputs, list_outputs

if TYPE_CHECKING:
    from trilith.contract.calls import Caller


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a model."""

    name: str
    datatype: DataType
    dims: tuple[int, ...]
    """Extents without the batch dimension; -1 where any extent will do."""
    reshape: tuple[int, ...] | None = None
    """Extents as the backend sees them, where they differ from ``dims``."""
    optional: bool = False
    ragged: bool = False
    labels: tuple[str, ...] = ()
    """Names of classes by index, read from the label file."""


@dataclass(frozen=True)
class BatchInput:
    """An input that the server makes of a whole batch: ``batch_input`` of a configuration."""

    kind: str
    """What it says, as the configuration names it: ``BATCH_ELEMENT_COUNT``."""
    targets: tuple[str, ...]
    """Inputs of the model that get it."""
    datatype: DataType
    source: str
    """The input that it speaks of."""


@dataclass(frozen=True)
class BatchOutput:
    """Outputs that come as one run of elements and are cut by the shapes of an input."""

    targets: tuple[str, ...]
    source: str


class InstanceKind(StrEnum):
    """What an instance runs on."""

    CPU = "KIND_CPU"
    GPU = "KIND_GPU"
    MODEL = "KIND_MODEL"


@dataclass(frozen=True)
class Resource:
    """What an instance holds while it runs, of a resource of which there is only so much."""

    name: str
    count: int
    is_global: bool = False
    """Whether all devices share it."""


@dataclass(frozen=True)
class Placement:
    """One instance of a model: its name and where it runs."""

    name: str
    """Unique among the model's instances: ``resnet_0_1`` is group 0, instance 1."""
    kind: InstanceKind = InstanceKind.CPU
    device: int = 0
    """Number of the GPU, for ``InstanceKind.GPU``."""
    resources: tuple[Resource, ...] = ()
    """Held while it runs, where the server limits its instances."""
    priority: int = 0
    """2 for half as many turns as 1; 0 means 1."""


@dataclass(frozen=True)
class ModelConfiguration:
    """A complete and validated model configuration.

    The fields that every backend needs are spelled out; everything else stands in ``document``.
    """

    name: str
    backend: str
    platform: str
    max_batch_size: int
    """0 where the model has no batch dimension."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parameters: Mapping[str, str]
    """``parameters { key value { string_value } }``, flattened."""
    document: Mapping[str, Any]
    """The whole ``ModelConfig`` in protobuf's JSON mapping, field names as in ``config.pbtxt``, defaults
    included, 64-bit integers as numbers."""
    serialized: bytes = field(repr=False, default=b"")
    """The same as a serialized ``inference.ModelConfig``."""
    initial_states: Mapping[str, bytes] = field(repr=False, default_factory=dict)
    """Content of the files with which states of sequences begin, by the name of their input."""
    namespace: str = ""
    """The repository that its name belongs to, where the server's repositories are namespaces."""

    @property
    def run_inputs(self) -> tuple[TensorSpec, ...]:
        """What a batch holds: the clients' inputs, then those that sequence batching adds."""
        return (*self.inputs, *(TensorSpec(*entry) for entry in list_inputs(self.document)))

    @property
    def run_outputs(self) -> tuple[TensorSpec, ...]:
        """What a batch may be answered with: the clients' outputs, then states that they do not see."""
        seen = {output.name for output in self.outputs}
        states = (TensorSpec(*entry) for entry in list_outputs(self.document) if entry[0] not in seen)
        return (*self.outputs, *states)

    @property
    def batch_inputs(self) -> tuple[BatchInput, ...]:
        """What a batch holds beside :attr:`run_inputs`: tensors that tell about the batch."""
        return tuple(
            BatchInput(
                entry["kind"],
                tuple(entry["target_name"]),
                DataType.from_config(entry["data_type"]),
                entry["source_input"][0],
            )
            for entry in self.document.get("batch_input", ())
        )

    @property
    def batch_outputs(self) -> tuple[BatchOutput, ...]:
        """Outputs that a batch is answered with as one run of elements."""
        return tuple(
            BatchOutput(tuple(entry["target_name"]), entry["source_input"][0])
            for entry in self.document.get("batch_output", ())
        )

    @property
    def is_decoupled(self) -> bool:
        """Whether a request may be answered any number of times."""
        policy: Mapping[str, Any] = self.document.get("model_transaction_policy", {})
        return bool(policy.get("decoupled", False))


@dataclass(frozen=True)
class ModelSource:
    """Where the files of one model version lie."""

    name: str
    version: int
    directory: Path
    """Folder of the model, with ``config.pbtxt``."""
    version_directory: Path
    """Folder of the version, with the model's own files."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the backend, from ``--backend-config=NAME,KEY=VALUE``."""


@dataclass(frozen=True)
class ModelContext:
    """All that a backend is told when it loads a model version."""

    source: ModelSource
    configuration: ModelConfiguration
    placements: Sequence[Placement]
    """The instances that will be asked for, in order; in a worker process, its own one alone."""
    caller: "Caller | None" = field(default=None, repr=False, compare=False)
    """The way to the rest of the server while the model is loaded and warmed up."""
