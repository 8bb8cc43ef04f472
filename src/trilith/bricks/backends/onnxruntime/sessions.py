"""Opens sessions, and keeps the one that was opened to complete a configuration until it is loaded."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trilith.bricks.backends.onnxruntime.errors import translate_load_error
from trilith.bricks.backends.onnxruntime.plan import SessionPlan
from trilith.contract import LoadError

if TYPE_CHECKING:
    from pathlib import Path

    from onnxruntime import InferenceSession, SessionOptions

_SEVERITY_ERROR = 3
"""ONNX Runtime's warnings are advice to who exported the model; they would drown the server's log."""


def list_providers() -> Sequence[str]:
    """Return the names of the execution providers that the installed build offers.

    Raises:
        LoadError: ONNX Runtime is not installed, or broken.
    """
    try:
        from onnxruntime import get_available_providers  # noqa: PLC0415 - imported with the first model
    except ImportError as error:
        raise LoadError(
            f"ONNX Runtime cannot be imported ({error}); install it with 'pip install onnxruntime', "
            f"or 'onnxruntime-gpu' for NVIDIA GPUs"
        ) from error
    providers: list[str] = get_available_providers()
    return providers


class SessionStore:
    """Opens sessions, each plan's once."""

    def __init__(self) -> None:
        """Start without any."""
        self._lock = threading.Lock()
        self._prepared: dict[Path, tuple[SessionPlan, InferenceSession]] = {}
        self._has_global_threads = False

    def prepare(self, plan: SessionPlan) -> "InferenceSession":
        """Open a session and keep it for :meth:`take`; one at most for each folder."""
        session = self._open(plan)
        with self._lock:
            self._prepared[plan.file.parent] = plan, session
        return session

    def take(self, plan: SessionPlan) -> "InferenceSession":
        """Return the session prepared for an equal plan, or open one; it is the caller's from then on."""
        with self._lock:
            prepared = self._prepared.pop(plan.file.parent, None)
        if prepared is not None and prepared[0] == plan:
            return prepared[1]
        return self._open(plan)

    def _open(self, plan: SessionPlan) -> "InferenceSession":
        from onnxruntime import InferenceSession  # noqa: PLC0415 - imported with the first model

        if plan.has_global_threads:
            self._make_global_threads(plan)
        try:
            options = make_options(plan)
            providers = [(name, dict(values)) for name, values in plan.providers]
            session = InferenceSession(str(plan.file), options, providers=providers)
        except Exception as error:
            raise translate_load_error(error, plan.file) from error
        # A session that quietly moves to the CPU after an error hides that error.
        session.disable_fallback()
        return session

    def _make_global_threads(self, plan: SessionPlan) -> None:
        from onnxruntime import set_global_thread_pool_sizes  # noqa: PLC0415 - imported with the first model

        with self._lock:
            if not self._has_global_threads:
                set_global_thread_pool_sizes(plan.intra_op_threads, plan.inter_op_threads)
                self._has_global_threads = True


def make_options(plan: SessionPlan) -> "SessionOptions":
    """Translate a plan into ONNX Runtime's own object."""
    from onnxruntime import (  # noqa: PLC0415 - imported with the first model
        ExecutionMode,
        GraphOptimizationLevel,
        SessionOptions,
    )

    levels = {
        -1: GraphOptimizationLevel.ORT_ENABLE_BASIC,
        1: GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
        2: GraphOptimizationLevel.ORT_DISABLE_ALL,
    }
    options = SessionOptions()
    options.log_severity_level = _SEVERITY_ERROR
    options.graph_optimization_level = levels.get(plan.graph_level, GraphOptimizationLevel.ORT_ENABLE_ALL)
    options.execution_mode = ExecutionMode.ORT_PARALLEL if plan.is_parallel else ExecutionMode.ORT_SEQUENTIAL
    options.use_per_session_threads = not plan.has_global_threads
    if not plan.has_global_threads:
        options.intra_op_num_threads = plan.intra_op_threads
        options.inter_op_num_threads = plan.inter_op_threads
    if plan.memory_arena is not None:
        options.enable_cpu_mem_arena = plan.memory_arena
    if plan.memory_pattern is not None:
        options.enable_mem_pattern = plan.memory_pattern
    for key, value in plan.entries:
        options.add_session_config_entry(key, value)
    for library in plan.operator_libraries:
        options.register_custom_ops_library(library)
    return options
