"""What a configuration means where it says nothing, as Triton fills it in."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from trilith.config.ensembles import is_ensemble
from trilith.config.instances import resolve_kind
from trilith.contract import Manifest

_SEQUENCE_IDLE_MICROSECONDS: Final = 1_000_000


def fill(
    document: Mapping[str, Any], name: str, backend: str, manifest: Manifest | None, gpu_count: int | None
) -> dict[str, Any]:
    """Return a copy of a valid document with defaults.

    Args:
        document: what was written, completed by the backend.
        name: of the model.
        backend: that runs it.
        manifest: of the backend, for its platform and its usual filename.
        gpu_count: GPUs of the machine; ``None`` leaves groups of ``KIND_AUTO`` as they are.
    """
    filled = deepcopy(dict(document))
    filled["name"] = filled.get("name") or name
    filled["backend"] = backend or filled.get("backend", "")
    if manifest and not is_ensemble(filled):
        if manifest.config_platforms:
            filled["platform"] = filled.get("platform") or manifest.config_platforms[0]
        filled["default_model_filename"] = filled.get("default_model_filename") or manifest.default_filename
    _fill_versions(filled)
    _fill_batching(filled)
    if not is_ensemble(filled):  # which runs nothing itself
        _fill_optimization(filled)
        _fill_instances(filled, gpu_count)
    return filled


def _fill_versions(document: dict[str, Any]) -> None:
    policy = document.setdefault("version_policy", {"latest": {}})
    if "latest" in policy:
        policy["latest"]["num_versions"] = policy["latest"].get("num_versions") or 1


def _fill_batching(document: dict[str, Any]) -> None:
    batching = document.get("dynamic_batching")
    largest = document.get("max_batch_size", 0)
    if batching is not None and not batching.get("preferred_batch_size") and largest > 0:
        batching["preferred_batch_size"] = [largest]
    sequences = document.get("sequence_batching")
    if sequences is not None:
        idle = sequences.get("max_sequence_idle_microseconds")
        sequences["max_sequence_idle_microseconds"] = idle or _SEQUENCE_IDLE_MICROSECONDS
        oldest = sequences.get("oldest")
        if oldest is not None and not oldest.get("preferred_batch_size") and largest > 0:
            oldest["preferred_batch_size"] = [largest]


def _fill_optimization(document: dict[str, Any]) -> None:
    optimization = document.setdefault("optimization", {})
    optimization.setdefault("input_pinned_memory", {"enable": True})
    optimization.setdefault("output_pinned_memory", {"enable": True})


def _fill_instances(document: dict[str, Any], gpu_count: int | None) -> None:
    """Name groups, count instances, and settle kinds; the one group of a model that has none is a CPU's."""
    groups = document.get("instance_group")
    if not groups:
        document["instance_group"] = [{"name": document["name"], "kind": "KIND_CPU", "count": 1}]
        return
    for index, group in enumerate(groups):
        group["name"] = group.get("name") or f"{document['name']}_{index}"
        group["count"] = group.get("count") or 1
        if gpu_count is not None:
            _settle_kind(group, gpu_count)


def _settle_kind(group: dict[str, Any], gpu_count: int) -> None:
    written = group.get("kind", "KIND_AUTO")
    group["kind"] = resolve_kind(group, gpu_count)
    if group["kind"] == "KIND_GPU" and not group.get("gpus"):
        group["gpus"] = list(range(gpu_count))
    elif written == "KIND_AUTO" and group["kind"] == "KIND_CPU":
        group.pop("gpus", None)
