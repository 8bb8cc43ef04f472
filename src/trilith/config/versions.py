"""Which versions of a model are served."""

from collections.abc import Mapping, Sequence
from typing import Any

from trilith.config.draft import Draft
from trilith.config.findings import Findings
from trilith.config.spelling import listing


def choose_versions(draft: Draft, available: Sequence[int]) -> list[int]:
    """Return the versions that the policy selects, in ascending order.

    Args:
        draft: what was written; ``version_policy`` defaults to the latest one.
        available: numbers of the version folders.

    Raises:
        ConfigurationError: a version that is asked for has no folder, or there is none at all.
    """
    findings = Findings(draft)
    policy: Mapping[str, Any] = draft.document.get("version_policy", {"latest": {}})
    present = sorted(set(available))
    chosen = present
    if "specific" in policy:
        chosen = _specific(policy["specific"].get("versions", []), present, findings)
    elif "latest" in policy:
        chosen = present[-(policy["latest"].get("num_versions", 0) or 1) :]
    if not chosen and not len(findings):
        findings.add(
            "version_policy",
            "there is no version to serve: the model's folder has no subfolder named by a number",
            "put the model's files into a folder '1'",
        )
    findings.raise_if_any()
    return chosen


def _specific(wanted: Sequence[int], present: Sequence[int], findings: Findings) -> list[int]:
    if not wanted:
        message = "'specific' names no version"
        findings.add("version_policy.specific", message, f"available: {listing(map(str, present))}")
    for index, version in enumerate(wanted):
        if version not in present:
            findings.add(
                f"version_policy.specific.versions[{index}]",
                f"version {version} has no folder; available: {listing(map(str, present))}",
                f"add the folder '{version}' or remove the number",
            )
    return sorted(set(wanted).intersection(present))
