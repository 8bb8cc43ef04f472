"""Instance groups."""

from collections.abc import Mapping
from typing import Any

from trilith.config.findings import Findings


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Check counts, kinds and GPUs, as far as that can be done without knowing the machine."""
    for index, group in enumerate(document["instance_group"]):
        field = f"instance_group[{index}]"
        if group["count"] < 0:
            findings.add(f"{field}.count", f"takes 1 or more, found {group['count']}")
        _check_devices(group, field, findings)
        _check_resources(document["instance_group"], index, findings)
        if group["profile"] and document["platform"] != "tensorrt_plan":
            message = "only models of platform 'tensorrt_plan' have optimization profiles"
            findings.add(f"{field}.profile", message, "remove it")


def _check_resources(groups: list[Mapping[str, Any]], index: int, findings: Findings) -> None:
    """Check that resources are named, counted, listed once, and shared by all devices or by none."""
    resources = groups[index].get("rate_limiter", {}).get("resources", ())
    earlier = [one for group in groups[:index] for one in group.get("rate_limiter", {}).get("resources", ())]
    for position, resource in enumerate(resources):
        field = f"instance_group[{index}].rate_limiter.resources[{position}]"
        name = resource["name"]
        if not name:
            findings.add(field, "the resource has no name", 'write name: "NAME"')
        if not resource["count"]:
            findings.add(
                f"{field}.count", "takes 1 or more, found 0", "remove the resource, or write count: 1"
            )
        if any(other["name"] == name for other in resources[:position]):
            findings.add(f"{field}.name", f"resource '{name}' is listed twice", "write the sum as one count")
        elif any(other["name"] == name and other["global"] != resource["global"] for other in earlier):
            message = f"resource '{name}' is the whole server's in one group and a device's in another"
            findings.add(f"{field}.global", message, "write 'global' in all groups that name it, or in none")


def _check_devices(group: Mapping[str, Any], field: str, findings: Findings) -> None:
    kind, devices = group["kind"], group["gpus"]
    if not isinstance(kind, str):
        findings.add(f"{field}.kind", f"there is no kind of number {kind}")
    if devices and kind in ("KIND_CPU", "KIND_MODEL"):
        message = f"a group of {kind} takes no GPUs, found {devices}"
        findings.add(f"{field}.gpus", message, "remove them or write kind: KIND_GPU")
    for position, device in enumerate(devices):
        place = f"{field}.gpus[{position}]"
        if device < 0:
            findings.add(place, f"takes numbers from 0, found {device}")
        elif device in devices[:position]:
            message = f"GPU {device} is listed twice"
            findings.add(place, message, "raise 'count' for more instances on each GPU")
