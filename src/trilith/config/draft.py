"""What was written about a model, before it is completed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from trilith.contract import ConfigurationError, Problem


@dataclass(frozen=True)
class Draft:
    """A model configuration as far as it was written."""

    name: str
    """Name of the model's folder."""
    file: str = ""
    """Path of ``config.pbtxt``; empty if there is none."""
    document: dict[str, Any] = field(default_factory=dict)
    """Only what was written: protobuf's JSON mapping with the field names of ``config.pbtxt``, enum values by
    name, 64-bit integers as numbers."""
    lines: Mapping[str, int] = field(default_factory=dict, repr=False)
    """Line of each field, by its path: ``input[0].dims``."""
    mistaken: frozenset[str] = frozenset()
    """Paths of fields that are left out because what was written there is wrong; of a field that is misspelt,
    the path of the one that was probably meant."""

    def is_sound(self, *fields: str) -> bool:
        """Whether nothing was left out of these fields of the model."""
        return not any(path.partition("[")[0].partition(".")[0] in fields for path in self.mistaken)

    def with_document(self, document: dict[str, Any]) -> "Draft":
        """Return the same draft with another document: the one that a backend completed."""
        return replace(self, document=document)


class UnreadableError(ConfigurationError):
    """A text is no ``ModelConfig``.

    Attributes:
        remains: what stands in it besides its mistakes; ``None`` where nothing is certain.
    """

    def __init__(self, problems: Sequence[Problem], remains: Draft | None) -> None:
        """Gather what is wrong, and what is left."""
        super().__init__(problems)
        self.remains = remains


def empty(name: str) -> Draft:
    """Return the draft of a model without ``config.pbtxt``."""
    return Draft(name)
