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
        if group["profile"] and document["platform"] != "tensorrt_plan":
            message = "only models of platform 'tensorrt_plan' have optimization profiles"
            findings.add(f"{field}.profile", message, "remove it")


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
