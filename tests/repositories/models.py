"""Makes small models on disk, and what backends are told of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trilith.contract import (
    DataType,
    ModelConfiguration,
    ModelContext,
    ModelSource,
    Placement,
    TensorSpec,
)

TEMPLATES = Path(__file__).parent


def make_source(
    repository: Path,
    name: str,
    files: Mapping[str, str | bytes],
    *,
    version: int = 1,
    settings: Mapping[str, str] | None = None,
) -> ModelSource:
    """Write the files of a version, and those under ``../`` beside it, and say where they lie."""
    directory = repository / name
    version_directory = directory / str(version)
    version_directory.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        file = version_directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return ModelSource(name, version, directory, version_directory, settings or {})


def read_template(name: str) -> str:
    """Return the text of a ``model.py`` that lies beside this file."""
    return (TEMPLATES / "python" / f"{name}.py").read_text(encoding="utf-8")


def make_context(
    source: ModelSource,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    *,
    max_batch_size: int = 8,
    document: Mapping[str, Any] | None = None,
    placements: Sequence[Placement] | None = None,
) -> ModelContext:
    """Return what a backend is told when it loads a model; ``document`` adds to the configuration."""
    full: dict[str, Any] = {
        "name": source.name,
        "max_batch_size": max_batch_size,
        "input": [_write_tensor(spec) for spec in inputs],
        "output": [_write_tensor(spec) for spec in outputs],
        "parameters": {},
        **(document or {}),
    }
    configuration = ModelConfiguration(
        name=source.name,
        backend="",
        platform="",
        max_batch_size=max_batch_size,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        parameters={key: value["string_value"] for key, value in full["parameters"].items()},
        document=full,
    )
    return ModelContext(source, configuration, placements or [Placement(f"{source.name}_0_0")])


def make_parameters(**values: str) -> dict[str, dict[str, str]]:
    """Return ``parameters`` of a model configuration."""
    return {key: {"string_value": value} for key, value in values.items()}


def tensor(name: str, datatype: DataType = DataType.FP32, *dims: int, **properties: Any) -> TensorSpec:
    """Return the description of a tensor; of four elements where no dims are given."""
    return TensorSpec(name, datatype, dims or (4,), **properties)


def _write_tensor(spec: TensorSpec) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": spec.name,
        "data_type": spec.datatype.config_name,
        "dims": list(spec.dims),
    }
    if spec.reshape is not None:
        entry["reshape"] = {"shape": list(spec.reshape)}
    return entry
