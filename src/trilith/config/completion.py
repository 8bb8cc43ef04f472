"""Making a complete, validated configuration of a draft."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trilith.config.defaults import fill
from trilith.config.document import from_message, to_message
from trilith.config.draft import Draft
from trilith.config.findings import Findings
from trilith.config.labels import read_labels
from trilith.config.schema import ROOT, schema
from trilith.config.sequences import read_initial_states
from trilith.config.validate import validate
from trilith.contract import DataType, Manifest, ModelConfiguration, TensorSpec


def finish(
    draft: Draft,
    directory: Path,
    backend: str,
    *,
    manifest: Manifest | None = None,
    gpu_count: int | None = None,
) -> ModelConfiguration:
    """Fill in defaults, read label files, validate.

    Args:
        draft: what was written, completed by the backend.
        directory: of the model, where label files lie.
        backend: that runs it.
        manifest: of that backend; where given, ``platform`` and ``default_model_filename`` default to what
            it says.
        gpu_count: GPUs of the machine; where given, instance groups of ``KIND_AUTO`` are settled here, and
            otherwise by :func:`~trilith.config.placements`.

    Raises:
        ConfigurationError: the configuration is wrong; holds every mistake.
    """
    findings = Findings(draft)
    to_message(schema(), draft.document, findings)  # what a backend completed is checked before use
    document = fill(draft.document, draft.name, backend, manifest, gpu_count)
    message = to_message(schema(), document, findings)
    complete = from_message(schema(), message, ROOT, complete=True)
    validate(complete, draft.name, findings)
    labels = [
        read_labels(directory, output, f"output[{index}]", findings)
        for index, output in enumerate(complete["output"])
    ]
    initial_states = read_initial_states(directory, complete, findings)
    findings.raise_if_any()
    return ModelConfiguration(
        name=complete["name"],
        backend=backend,
        platform=complete["platform"],
        max_batch_size=complete["max_batch_size"],
        inputs=tuple(_tensor(tensor) for tensor in complete["input"]),
        outputs=tuple(map(_tensor, complete["output"], labels)),
        parameters={key: value["string_value"] for key, value in complete["parameters"].items()},
        document=complete,
        serialized=message.SerializeToString(deterministic=True),
        initial_states=initial_states,
    )


def _tensor(tensor: Mapping[str, Any], labels: tuple[str, ...] = ()) -> TensorSpec:
    reshape = tensor.get("reshape")
    return TensorSpec(
        name=tensor["name"],
        datatype=DataType.from_config(tensor["data_type"]),
        dims=tuple(tensor["dims"]),
        reshape=None if reshape is None else tuple(reshape["shape"]),
        optional=tensor.get("optional", False),
        ragged=tensor.get("allow_ragged_batch", False),
        labels=labels,
    )
