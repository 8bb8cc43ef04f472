"""What was written about a model, before it is completed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


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

    def with_document(self, document: dict[str, Any]) -> "Draft":
        """Return the same draft with another document: the one that a backend completed."""
        return replace(self, document=document)


def empty(name: str) -> Draft:
    """Return the draft of a model without ``config.pbtxt``."""
    return Draft(name)
