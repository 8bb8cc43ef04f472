"""A configuration as the native core wants it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from trilith.config.sequences import native_sequence
from trilith.contract import ModelConfiguration, TensorSpec

FIRST_RESPONSE = "nv_inference_first_response_histogram_ms"
"""The one metric whose buckets a model may choose."""


def native_spec(
    configuration: ModelConfiguration, version: int, steps: Sequence[Mapping[str, Any]] | None = None
) -> str:
    """Return the JSON for ``native.Server.add_model``: signature, scheduler, and what clients are shown.

    Args:
        configuration: of the model.
        version: its number.
        steps: of an ensemble, as :func:`~trilith.config.compose` found them.
    """
    document = configuration.document
    return json.dumps(
        {
            "name": configuration.name,
            "namespace": configuration.namespace,
            "version": version,
            "platform": configuration.platform or configuration.backend,  # as Triton's metadata has it
            "backend": configuration.backend,
            "max_batch_size": configuration.max_batch_size,
            "decoupled": configuration.is_decoupled,
            "cached": document.get("response_cache", {}).get("enable", False),
            "inputs": [_tensor(tensor) for tensor in configuration.inputs],
            "outputs": [_tensor(tensor) for tensor in configuration.outputs],
            "scheduler": _scheduler(document.get("dynamic_batching")),
            "metric_tags": document.get("metric_tags", {}),
            "histogram_bounds": _histogram_bounds(document),
            "sequence": native_sequence(configuration),
            "batch_inputs": [asdict(entry) for entry in configuration.batch_inputs],
            "batch_outputs": [asdict(entry) for entry in configuration.batch_outputs],
            "ensemble": steps,
            "config_json": shown(configuration),
        },
        separators=(",", ":"),
    )


def shown(configuration: ModelConfiguration) -> str:
    """Return a configuration as clients are shown it, as JSON."""
    return json.dumps(configuration.document, separators=(",", ":"), ensure_ascii=False)


def composing_models(document: Mapping[str, Any]) -> list[str]:
    """Return the models that a model needs beside itself: those of an ensemble's steps, each once."""
    steps = document.get("ensemble_scheduling", {}).get("step", [])
    return list(dict.fromkeys(step.get("model_name", "") for step in steps))


def _histogram_bounds(document: Mapping[str, Any]) -> list[float]:
    for control in document.get("model_metrics", {}).get("metric_control", ()):
        if control["metric_identifier"]["family"] == FIRST_RESPONSE:
            return list(control["histogram_options"]["buckets"])
    return []


def _tensor(tensor: TensorSpec) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "datatype": tensor.datatype.value,
        "dims": tensor.dims,
        "reshape": tensor.reshape,
        "optional": tensor.optional,
        "ragged": tensor.ragged,
        "labels": tensor.labels,
    }


def _scheduler(batching: Mapping[str, Any] | None) -> dict[str, Any]:
    written = batching or {}
    policies: Mapping[str, Mapping[str, Any]] = written.get("priority_queue_policy", {})
    return {
        "dynamic": batching is not None,
        "preferred_batch_sizes": written.get("preferred_batch_size", []),
        "max_queue_delay_microseconds": written.get("max_queue_delay_microseconds", 0),
        "preserve_ordering": written.get("preserve_ordering", False),
        "priority_levels": written.get("priority_levels", 0),
        "default_priority_level": written.get("default_priority_level", 0),
        "default_policy": _policy(written.get("default_queue_policy", {})),
        "policies": {level: _policy(policy) for level, policy in policies.items()},
    }


def _policy(written: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "timeout_action": written.get("timeout_action", "REJECT"),
        "default_timeout_microseconds": written.get("default_timeout_microseconds", 0),
        "allow_timeout_override": written.get("allow_timeout_override", False),
        "max_queue_size": written.get("max_queue_size", 0),
    }
