"""What requests and responses need to know of their model."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class ModelFacts:
    """Taken from the configuration once, for all requests of an instance."""

    bfloats: Collection[str] = frozenset()
    """Names of the inputs that are BF16, which NumPy does not have."""
    outputs: Collection[str] = frozenset()
    """Names of the outputs; as in Triton, others are dropped."""
    decoupled: bool = False
    """Whether a request may be answered any number of times."""
    iterative: bool = False
    """Whether a request may be handed back, to be run again."""
