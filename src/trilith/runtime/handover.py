"""What a worker process is told, as JSON, and back: it needs no protobuf and no configuration code."""

import binascii
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trilith.contract import (
    DataType,
    InstanceKind,
    ModelConfiguration,
    ModelContext,
    ModelSource,
    Placement,
    TensorSpec,
)


def write_source(source: ModelSource) -> dict[str, Any]:
    """Turn a source into JSON."""
    return {
        "name": source.name,
        "version": source.version,
        "directory": str(source.directory),
        "version_directory": str(source.version_directory),
        "settings": dict(source.settings),
    }


def read_source(entry: Mapping[str, Any]) -> ModelSource:
    """Turn JSON back into a source."""
    return ModelSource(
        name=entry["name"],
        version=entry["version"],
        directory=Path(entry["directory"]),
        version_directory=Path(entry["version_directory"]),
        settings=entry["settings"],
    )


def write_context(context: ModelContext) -> dict[str, Any]:
    """Turn a context into JSON."""
    configuration = context.configuration
    return {
        "source": write_source(context.source),
        "placements": [asdict(placement) for placement in context.placements],
        "configuration": {
            "name": configuration.name,
            "backend": configuration.backend,
            "platform": configuration.platform,
            "max_batch_size": configuration.max_batch_size,
            "inputs": [asdict(tensor) for tensor in configuration.inputs],
            "outputs": [asdict(tensor) for tensor in configuration.outputs],
            "parameters": dict(configuration.parameters),
            "document": dict(configuration.document),
            "serialized": binascii.b2a_base64(configuration.serialized, newline=False).decode(),
        },
    }


def read_context(entry: Mapping[str, Any]) -> ModelContext:
    """Turn JSON back into a context."""
    fields = dict(entry["configuration"])
    fields["inputs"] = tuple(_read_tensor(tensor) for tensor in fields["inputs"])
    fields["outputs"] = tuple(_read_tensor(tensor) for tensor in fields["outputs"])
    fields["serialized"] = binascii.a2b_base64(fields["serialized"])
    return ModelContext(
        source=read_source(entry["source"]),
        configuration=ModelConfiguration(**fields),
        placements=tuple(
            Placement(place["name"], InstanceKind(place["kind"]), place["device"])
            for place in entry["placements"]
        ),
    )


def _read_tensor(entry: Mapping[str, Any]) -> TensorSpec:
    fields = dict(entry)
    fields["datatype"] = DataType(fields["datatype"])
    for name in ("dims", "reshape", "labels"):
        fields[name] = None if fields[name] is None else tuple(fields[name])
    return TensorSpec(**fields)
