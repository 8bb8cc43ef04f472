"""Everything that decides how a session is opened: two equal plans can share one session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trilith.bricks.backends.onnxruntime.parameters import ParameterReader, flatten_parameters
from trilith.bricks.backends.onnxruntime.providers import Provider, choose_providers
from trilith.contract import LoadError, ModelSource

DEFAULT_FILENAME = "model.onnx"

_SPINNING = "session.intra_op.allow_spinning"
"""Whether idle threads of a session busy-wait for work. ONNX Runtime's own default is to do so, which suits
a program with nothing else to run; in a server it takes the cores from sockets and other models. Measured on
two cores: a fifth of the CPU of a small network, and a batch of eight of a real one took a fifth longer."""


@dataclass(frozen=True)
class SessionPlan:
    """How a session is opened."""

    file: Path
    stamp: tuple[int, int]
    """Time of the file's last change and its size: a file that was replaced is not the same model."""
    providers: tuple[Provider, ...]
    graph_level: int
    """As in ``optimization { graph { level } }``: -1 basic, 1 extended, 2 none, anything else all."""
    is_parallel: bool
    intra_op_threads: int
    inter_op_threads: int
    has_global_threads: bool
    memory_arena: bool | None
    memory_pattern: bool | None
    entries: tuple[tuple[str, str], ...]
    """Entries of the session's configuration, by ONNX Runtime's own keys."""
    operator_libraries: tuple[str, ...]


def find_model_file(source: ModelSource, document: Mapping[str, Any]) -> Path:
    """Return the model's file; ``default_model_filename`` may name a folder that holds ``model.onnx``.

    Raises:
        LoadError: there is none.
    """
    file = source.version_directory / (document.get("default_model_filename") or DEFAULT_FILENAME)
    if file.is_dir():
        file /= DEFAULT_FILENAME
    if not file.is_file():
        raise LoadError(
            f"model '{source.name}' version {source.version}: there is no file '{file}'; "
            f"put the model there, or name it in 'default_model_filename'"
        )
    return file


def make_plan(
    source: ModelSource, document: Mapping[str, Any], device: int | None, available: Sequence[str]
) -> SessionPlan:
    """Gather what a model configuration and the settings of the backend say of a session.

    Args:
        source: the model version.
        document: its configuration, complete or not.
        device: number of the GPU, ``None`` for the CPU.
        available: names of the providers that the installed build offers.

    Raises:
        LoadError: the file is missing, or options are wrong; all of those are named.
    """
    file = find_model_file(source, document)
    settings = ParameterReader(source.settings)
    model = ParameterReader(flatten_parameters(document))
    providers, problems = choose_providers(document, device, available)
    status = file.stat()
    plan = SessionPlan(
        file=file,
        stamp=(status.st_mtime_ns, status.st_size),
        providers=providers,
        graph_level=int(document.get("optimization", {}).get("graph", {}).get("level", 0)),
        is_parallel=model.read_choice("execution_mode", ("sequential", "parallel")) == "parallel",
        intra_op_threads=_read_threads("intra_op_thread_count", model, settings),
        inter_op_threads=_read_threads("inter_op_thread_count", model, settings),
        has_global_threads=bool(settings.read_switch("enable-global-threadpool")),
        memory_arena=model.read_switch("enable_mem_arena"),
        memory_pattern=model.read_switch("enable_mem_pattern"),
        entries=_add_defaults(model.read_prefixed("session.")),
        operator_libraries=tuple(document.get("model_operations", {}).get("op_library_filename", ())),
    )
    problems += model.problems + settings.problems
    if problems:
        raise LoadError(f"model '{source.name}' version {source.version}: " + "; ".join(problems))
    return plan


def _add_defaults(entries: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Add what a server wants otherwise than ONNX Runtime, where the configuration does not say."""
    return entries if any(key == _SPINNING for key, _ in entries) else (*entries, (_SPINNING, "0"))


def _read_threads(key: str, model: ParameterReader, settings: ParameterReader) -> int:
    return model.read_integer(key) or settings.read_integer(key)
