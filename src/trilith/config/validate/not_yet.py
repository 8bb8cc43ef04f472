"""What configurations may say and this version does not serve; to be refused rather than ignored."""

from collections.abc import Mapping
from typing import Any, Final

from trilith.config.findings import Findings

_FIELDS: Final = {
    "ensemble_scheduling": "ensembles are",
}


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Note every part of a document that is not served."""
    for field, subject in _FIELDS.items():
        # Lists of a complete document are there, and empty, where nothing was written.
        if document.get(field, []) != []:
            _add(field, subject, findings)


def check_ensemble(document: Mapping[str, Any], findings: Findings) -> None:
    """Note that ensembles, which no backend runs, are not served."""
    if document.get("platform") == "ensemble" or "ensemble_scheduling" in document:
        field = "ensemble_scheduling" if "ensemble_scheduling" in document else "platform"
        _add(field, _FIELDS["ensemble_scheduling"], findings)


def _add(field: str, subject: str, findings: Findings) -> None:
    findings.add(field, f"{subject} not served by this version", "remove it where the model works without")
