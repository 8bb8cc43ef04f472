"""What configurations may say and this version does not serve; to be refused rather than ignored."""

from collections.abc import Mapping
from typing import Any, Final

from trilith.config.findings import Findings

_FIELDS: Final = {
    "batch_input": "batch inputs are",
    "batch_output": "batch outputs are",
    "model_repository_agents": "repository agents are",
}


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Note every part of a document that is not served."""
    for field, subject in _FIELDS.items():
        # Lists of a complete document are there, and empty, where nothing was written.
        if document.get(field, []) != []:
            _add(field, subject, findings)


def _add(field: str, subject: str, findings: Findings) -> None:
    findings.add(field, f"{subject} not served by this version", "remove it where the model works without")
