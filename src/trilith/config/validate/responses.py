"""How a model answers, and whether answers may be cached."""

from collections.abc import Mapping
from typing import Any

from trilith.config.findings import Findings


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Check that a model whose answers are cached gives one answer to each request."""
    decoupled = document.get("model_transaction_policy", {}).get("decoupled", False)
    if decoupled and document.get("response_cache", {}).get("enable", False):
        message = "answers of a decoupled model cannot be cached"
        findings.add("response_cache", message, "remove it or model_transaction_policy")
