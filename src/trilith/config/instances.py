"""Where the instances of a model run."""

from collections.abc import Iterator, Mapping
from typing import Any

from trilith.contract import (
    ConfigurationError,
    InstanceKind,
    ModelConfiguration,
    Placement,
    Problem,
    Resource,
)


def placements(configuration: ModelConfiguration, gpu_count: int) -> list[Placement]:
    """Return the instances of a model: ``count`` of each group, on each of its GPUs where it runs on them.

    Instances are named after their group and numbered within it. Passive groups take no requests and have
    no instances.

    Args:
        configuration: of the model.
        gpu_count: GPUs of the machine, numbered from 0.

    Raises:
        ConfigurationError: a group asks for a GPU that is not there.
    """
    found: list[Placement] = []
    problems: list[Problem] = []
    numbers: dict[str, int] = {}
    for index, group in enumerate(configuration.document["instance_group"]):
        problems += _missing_gpus(configuration.name, index, group, gpu_count)
        if group.get("passive"):
            continue
        name = group["name"]
        for kind, device in _devices(group, gpu_count):
            number = numbers.get(name, 0)
            numbers[name] = number + 1
            found.append(Placement(f"{name}_{number}", kind, device, *_limits(group)))
    if problems:
        raise ConfigurationError(problems)
    return found


def resolve_kind(group: Mapping[str, Any], gpu_count: int) -> str:
    """Return the kind of a group; ``KIND_AUTO`` means GPUs if all that it names are there, else the CPU."""
    kind = str(group.get("kind", "KIND_AUTO"))
    if kind != "KIND_AUTO":
        return kind
    is_there = gpu_count > 0 and all(0 <= device < gpu_count for device in group.get("gpus", ()))
    return "KIND_GPU" if is_there else "KIND_CPU"


def _devices(group: Mapping[str, Any], gpu_count: int) -> Iterator[tuple[InstanceKind, int]]:
    kind = InstanceKind(resolve_kind(group, gpu_count))
    devices = [0]
    if kind is InstanceKind.GPU:
        devices = group.get("gpus") or list(range(gpu_count))
    for _ in range(group["count"]):
        for device in devices:
            yield kind, device


def _limits(group: Mapping[str, Any]) -> tuple[tuple[Resource, ...], int]:
    """Return what each instance of a group holds while it runs, and its priority."""
    limiter: Mapping[str, Any] = group.get("rate_limiter", {})
    resources = (
        Resource(resource["name"], resource["count"], resource["global"])
        for resource in limiter.get("resources", ())
    )
    return tuple(resources), limiter.get("priority", 0)


def _missing_gpus(model: str, index: int, group: Mapping[str, Any], gpu_count: int) -> list[Problem]:
    if resolve_kind(group, gpu_count) != "KIND_GPU":
        return []
    there = f"GPUs 0 to {gpu_count - 1}" if gpu_count else "no GPU"
    place = f"instance_group[{index}]"
    if not gpu_count and not group.get("gpus"):
        message = f"model '{model}' asks for a GPU, and this machine has none"
        return [Problem(message, field=f"{place}.kind", suggestion="write kind: KIND_CPU")]
    return [
        Problem(f"model '{model}' asks for GPU {device}, and this machine has {there}", field=f"{place}.gpus")
        for device in group.get("gpus", ())
        if not 0 <= device < gpu_count
    ]
