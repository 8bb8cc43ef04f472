"""Batch sizes, priorities and queues."""

from collections.abc import Iterator, Mapping
from typing import Any

from trilith.config.findings import Findings


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Check ``max_batch_size`` and ``dynamic_batching``."""
    largest = document["max_batch_size"]
    if largest < 0:
        message = f"takes 0 (the model does not batch) or more, found {largest}"
        findings.add("max_batch_size", message)
    batching = document.get("dynamic_batching")
    if batching is None:
        return
    _check_preferred_sizes(batching, largest, findings)
    if batching["priority_levels"]:
        _check_priorities(batching, findings)
    if batching["preserve_ordering"]:
        _check_ordering(batching, findings)


def _check_preferred_sizes(batching: Mapping[str, Any], largest: int, findings: Findings) -> None:
    for index, size in enumerate(batching["preferred_batch_size"]):
        field = f"dynamic_batching.preferred_batch_size[{index}]"
        if size < 1:
            findings.add(field, f"takes sizes of 1 or more, found {size}")
        elif size > largest:
            message = f"takes sizes up to max_batch_size, which is {largest}; found {size}"
            findings.add(field, message)


def _check_priorities(batching: Mapping[str, Any], findings: Findings) -> None:
    levels, default = batching["priority_levels"], batching["default_priority_level"]
    if not 1 <= default <= levels:
        field = "dynamic_batching.default_priority_level"
        message = f"with {levels} priority levels the default is a level from 1 to {levels}, found {default}"
        findings.add(field, message, f"write default_priority_level: {(levels + 1) // 2}")
    for level in batching["priority_queue_policy"]:
        if not 1 <= int(level) <= levels:
            message = f"there is no priority level {level}: priority_levels is {levels}"
            findings.add(f"dynamic_batching.priority_queue_policy[{level}]", message)


def _check_ordering(batching: Mapping[str, Any], findings: Findings) -> None:
    if batching["priority_levels"] > 1:
        message = f"order cannot be kept across {batching['priority_levels']} priority levels"
        advice = "remove preserve_ordering or priority_levels"
        findings.add("dynamic_batching.preserve_ordering", message, advice)
    for field, policy in _policies(batching):
        if policy["timeout_action"] == "DELAY" and policy["default_timeout_microseconds"]:
            message = "order cannot be kept where requests out of time are delayed"
            findings.add(f"{field}.timeout_action", message, "write REJECT or remove preserve_ordering")


def _policies(batching: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "default_queue_policy" in batching:
        yield "dynamic_batching.default_queue_policy", batching["default_queue_policy"]
    for level, policy in batching["priority_queue_policy"].items():
        yield f"dynamic_batching.priority_queue_policy[{level}]", policy
