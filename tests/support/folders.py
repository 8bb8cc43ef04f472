"""Writes whole model folders: a configuration beside the files of one or more versions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from repositories.models import make_source

Tensors = Sequence[tuple[str, str, Sequence[int]]]
"""Name, datatype as the protocol writes it, dims."""


def write_model(
    repository: Path,
    name: str,
    config: str = "",
    files: Mapping[str, str | bytes] | None = None,
    *,
    versions: Sequence[int] = (1,),
) -> Path:
    """Write one model; its folder. Without ``config`` there is no config.pbtxt."""
    for version in versions:
        make_source(repository, name, files or {}, version=version)
    if config:
        (repository / name / "config.pbtxt").write_text(config, encoding="utf-8")
    return repository / name


def describe(
    backend: str,
    inputs: Tensors = (("INPUT0", "FP32", [-1]),),
    outputs: Tensors = (("OUTPUT0", "FP32", [-1]),),
    *,
    max_batch_size: int = 8,
    parameters: Mapping[str, str] | None = None,
    more: str = "",
) -> str:
    """Write the text of a configuration; ``more`` is added as it stands."""
    lines = [f'backend: "{backend}"', f"max_batch_size: {max_batch_size}"]
    lines += [_tensor("input", *tensor) for tensor in inputs]
    lines += [_tensor("output", *tensor) for tensor in outputs]
    lines += [
        f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'
        for key, value in (parameters or {}).items()
    ]
    return "\n".join([*lines, more, ""])


def _tensor(field: str, name: str, datatype: str, dims: Sequence[int]) -> str:
    config_name = "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}"
    return f'{field} {{ name: "{name}" data_type: {config_name} dims: {list(dims)} }}'
