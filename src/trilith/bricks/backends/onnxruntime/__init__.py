"""Runs ONNX models with ONNX Runtime.

One session serves every instance of a model on the CPU, and one every instance on the same GPU: a session
may run in several threads at once.

Parameters of a model, by Triton's names: ``intra_op_thread_count``, ``inter_op_thread_count``,
``execution_mode``, ``enable_mem_arena``, ``enable_mem_pattern``, ``memory.enable_memory_arena_shrinkage``,
every ``session.*`` entry of ONNX Runtime's own, and for GPUs ``cudnn_conv_algo_search``, ``gpu_mem_limit``,
``arena_extend_strategy``, ``do_copy_in_default_stream``. Settings of the backend: ``default-max-batch-size``,
``enable-global-threadpool`` and the two thread counts.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trilith.bricks.backends.onnxruntime.completion import complete_document, is_complete
from trilith.bricks.backends.onnxruntime.execution import OnnxInstance
from trilith.bricks.backends.onnxruntime.plan import make_plan
from trilith.bricks.backends.onnxruntime.sessions import SessionStore, list_providers
from trilith.bricks.backends.onnxruntime.signature import Signature
from trilith.bricks.backends.onnxruntime.validation import check_configuration
from trilith.contract import InstanceKind, ModelConfiguration, ModelContext, ModelSource, Placement

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = ["OnnxRuntimeBackend"]


class OnnxRuntimeBackend:
    """Loads ONNX models."""

    def __init__(self) -> None:
        """Start without sessions; ONNX Runtime itself is imported with the first model."""
        self._sessions = SessionStore()

    def complete(self, source: ModelSource, document: dict[str, Any]) -> dict[str, Any]:
        """Fill in inputs, outputs, ``max_batch_size`` and the scheduler from the model.

        The model is only read where inputs or outputs are not described, and the session that this takes is
        the one that :meth:`load` uses.
        """
        if is_complete(document):
            return document
        plan = make_plan(source, document, _find_device(document), list_providers())
        signature = Signature.read(self._sessions.prepare(plan))
        return complete_document(source, document, signature)

    def load(self, context: ModelContext) -> "OnnxModel":
        """Open the sessions that the placements need and hold the configuration against the first."""
        source, configuration = context.source, context.configuration
        devices = dict.fromkeys(_get_device(placement) for placement in context.placements) or {None: None}
        available = list_providers()
        plans = {device: make_plan(source, configuration.document, device, available) for device in devices}
        sessions = {device: self._sessions.take(plan) for device, plan in plans.items()}
        signature = Signature.read(next(iter(sessions.values())))
        check_configuration(configuration, signature)
        return OnnxModel(configuration, sessions, signature)


class OnnxModel:
    """A model with its sessions, one for each device."""

    def __init__(
        self,
        configuration: ModelConfiguration,
        sessions: Mapping[int | None, "InferenceSession"],
        signature: Signature,
    ) -> None:
        """Keep what the instances share."""
        self._configuration = configuration
        self._sessions = dict(sessions)
        self._signature = signature

    def create_instance(self, placement: Placement) -> OnnxInstance:
        """Make an instance on the session of its device."""
        return OnnxInstance(self._configuration, self._sessions[_get_device(placement)], self._signature)

    def close(self) -> None:
        """Let go of the sessions."""
        self._sessions.clear()


def _get_device(placement: Placement) -> int | None:
    return placement.device if placement.kind is InstanceKind.GPU else None


def _find_device(document: Mapping[str, Any]) -> int | None:
    for group in document.get("instance_group", ()):
        if group.get("kind") == InstanceKind.GPU:
            return int(next(iter(group.get("gpus", ())), 0))
    return None
