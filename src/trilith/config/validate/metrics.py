"""Departures from how a model is measured."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from trilith.config.findings import Findings


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Check that tags can be labels, and that each metric of ``model_metrics`` has a family and buckets."""
    for tag in document.get("metric_tags", {}):
        if not re.fullmatch(r"[A-Za-z0-9_]+", tag):
            findings.add("metric_tags", f"takes letters, digits and underscores, found '{tag}'")
    for index, control in enumerate(document.get("model_metrics", {}).get("metric_control", ())):
        field = f"model_metrics.metric_control[{index}]"
        if not control.get("metric_identifier", {}).get("family"):
            message = "names no metric family"
            findings.add(field, message, 'write metric_identifier { family: "NAME" }')
        buckets = control.get("histogram_options", {}).get("buckets", [])
        place = f"{field}.histogram_options.buckets"
        if not buckets:
            findings.add(place, "there are no buckets", "write histogram_options { buckets: [...] }")
        if not all(isinstance(bucket, float) for bucket in buckets):
            findings.add(place, f"takes finite bounds, found {buckets}")
        elif any(low >= high for low, high in pairwise(buckets)):
            findings.add(place, f"takes ascending bounds, found {buckets}")
