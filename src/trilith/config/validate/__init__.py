"""What a complete configuration must satisfy; one module for each part of it."""

from collections.abc import Mapping
from typing import Any

from trilith.config.findings import Findings
from trilith.config.validate import (
    batch_tensors,
    ensembles,
    instances,
    metrics,
    names,
    responses,
    scheduling,
    sequences,
    tensors,
    warmup,
)

__all__ = ["validate"]


def validate(document: Mapping[str, Any], name: str, findings: Findings) -> None:
    """Check a configuration; what is wrong goes to ``findings``.

    Args:
        document: complete, with defaults.
        name: of the model's folder.
        findings: where to note problems.
    """
    names.check(document, name, findings)
    tensors.check(document, findings)
    batch_tensors.check(document, findings)
    scheduling.check(document, findings)
    sequences.check(document, findings)
    ensembles.check(document, findings)
    instances.check(document, findings)
    responses.check(document, findings)
    metrics.check(document, findings)
    warmup.check(document, findings)
