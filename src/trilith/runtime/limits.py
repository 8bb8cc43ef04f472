"""What instances ask for while they run, and what there is of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trilith.contract import ConfigurationError, ModelConfiguration, Placement, Problem, Resource


@dataclass(frozen=True)
class Supply:
    """How much there is of a resource, as ``--rate-limit-resource`` says."""

    name: str
    count: int
    device: int | None = None
    """``None`` for each device."""


def write_demand(placement: Placement) -> str:
    """Return the JSON by which an instance asks for what it holds while it runs; empty for nothing."""
    if not placement.resources and not placement.priority:
        return ""
    resources = [
        {"name": one.name, "count": one.count, "device": None if one.is_global else placement.device}
        for one in placement.resources
    ]
    return json.dumps({"resources": resources, "priority": placement.priority})


def write_supplies(supplies: Sequence[Supply] | None) -> list[dict[str, Any]] | None:
    """Return the supplies as the native core reads them; ``None`` where instances are not limited."""
    if supplies is None:
        return None
    return [{"name": one.name, "count": one.count, "device": one.device} for one in supplies]


def check_demands(
    configuration: ModelConfiguration, placements: Sequence[Placement], supplies: Sequence[Supply] | None
) -> None:
    """Check that every instance can run.

    Raises:
        ConfigurationError: one asks for more than there is; each resource is named once.
    """
    if not supplies:
        return
    problems: dict[str, Problem] = {}
    for placement in placements:
        for resource in placement.resources:
            given = count_given(resource, placement.device, supplies)
            if given < resource.count:
                problems.setdefault(resource.name, _explain(configuration.name, resource, given))
    if problems:
        raise ConfigurationError(list(problems.values()))


def count_given(resource: Resource, device: int, supplies: Sequence[Supply]) -> int:
    """Return how much there is of a resource for an instance on a device; what is not named is not there."""
    counts = [
        supply.count
        for supply in supplies
        if supply.name == resource.name and (resource.is_global or supply.device in (None, device))
    ]
    return max(counts, default=0)


def _explain(model: str, resource: Resource, given: int) -> Problem:
    return Problem(
        f"an instance of model '{model}' asks for {resource.count} of resource '{resource.name}', and there "
        f"are {given}: it would never run",
        field="instance_group.rate_limiter.resources",
        suggestion=f"start with --rate-limit-resource={resource.name}:{resource.count}, or ask for less",
    )
