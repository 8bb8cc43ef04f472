"""What the steps of an ensemble do with its tensors, as far as the configuration alone tells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

PLATFORM: Final = "ensemble"
STEPS: Final = "ensemble_scheduling.step"


def is_ensemble(document: Mapping[str, Any]) -> bool:
    """Say whether a model is made of other models."""
    return document.get("platform") == PLATFORM or "ensemble_scheduling" in document


@dataclass(frozen=True)
class Use:
    """One mention of a tensor: in an input or output of the ensemble, or in a map of a step."""

    tensor: str
    field: str
    """Where it stands in the configuration."""
    step: int | None = None
    """``None`` for the ensemble's own inputs and outputs."""
    name: str = ""
    """What the step's model calls it."""


def steps_of(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the steps as they are written."""
    steps: Sequence[Mapping[str, Any]] = document.get("ensemble_scheduling", {}).get("step", [])
    return steps


def list_givers(document: Mapping[str, Any]) -> Iterator[Use]:
    """Yield where tensors come from: the ensemble's inputs, then the outputs of its steps."""
    for index, tensor in enumerate(document.get("input", ())):
        yield Use(tensor["name"], f"input[{index}]")
    yield from _mapped(document, "output_map")


def list_takers(document: Mapping[str, Any]) -> Iterator[Use]:
    """Yield where tensors go to: the inputs of steps, then the ensemble's outputs."""
    yield from _mapped(document, "input_map")
    for index, tensor in enumerate(document.get("output", ())):
        yield Use(tensor["name"], f"output[{index}]")


def order_steps(document: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """Put the steps into an order in which each finds its tensors given.

    Tensors that nothing gives are taken for given: they are a mistake of another kind.

    Returns:
        The order, and the steps that wait for each other in a circle, or for one that does.
    """
    origins = {use.tensor: use.step for use in list_givers(document) if use.step is not None}
    needs: dict[int, set[int]] = {index: set() for index in range(len(steps_of(document)))}
    for use in _mapped(document, "input_map"):
        if use.tensor in origins and use.step is not None:
            needs[use.step].add(origins[use.tensor])
    order: list[int] = []
    left = list(needs)
    while left:
        free = [step for step in left if needs[step] <= set(order)]
        if not free:
            break
        order += free
        left = [step for step in left if step not in free]
    return order, left


def _mapped(document: Mapping[str, Any], kind: str) -> Iterator[Use]:
    for index, step in enumerate(steps_of(document)):
        for name, tensor in step.get(kind, {}).items():
            yield Use(tensor, f'{STEPS}[{index}].{kind}["{name}"]', index, name)
