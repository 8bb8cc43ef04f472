"""The differences that are meant, each with its reason; docs/compatibility.md tells them to people."""

import re
from typing import NamedTuple


class Expected(NamedTuple):
    """A kind of difference: patterns of where it shows and what it says, and why."""

    where: str
    reason: str
    theirs: str = ""
    ours: str = ""


LATER = "not yet here"
STRICT = "a configuration that cannot be meant is refused"

EXPECTED: tuple[Expected, ...] = (
    Expected(r"(GET /v2|ServerMetadata): \.version", "another server"),
    Expected(r"header content-type", "errors are JSON and say so", "text/plain", "null|json"),
    Expected(r"HTTP .*: status", "the mistake is the client's", "^500 ", "^400 "),
    Expected(r"(broken_(twice|group)|other_(bare|comment|no_backend))", STRICT),
    Expected(
        r"(index|RepositoryIndex).*(broken_|other_platform|variant_levels)",
        "a broken model is listed with version, state and reason",
    ),
    Expected(r"fractions", "numbers keep all their digits"),
    Expected(r"FP16 answered as JSON", "FP16 can be told in JSON", "^400", "^200"),
    Expected(
        r"(a header length that is no number|not really gzip|infer: nothing)",
        "it is no request",
        "^200",
        "^400",
    ),
    Expected(
        r"(output twice|too many raw)", "it contradicts itself", "^(200|OK)", "^(400|INVALID|OK with 1)"
    ),
    Expected(
        r"an integer out of range",
        "a changed value is worse than an error",
        "^(200|OK)",
        "^(400|INVALID|OK with 1)",
    ),
    Expected(r"nv_pinned_memory_", LATER, ours="none"),
    Expected(
        r"gRPC stream .*infer_response\.(model_|parameters)", "an error says what it answers, and is final"
    ),
)


def find_reason(title: str, place: str, theirs: str, ours: str) -> str:
    """Return why a difference is meant; nothing where it is not."""
    for row in EXPECTED:
        if (
            re.search(row.where, f"{title}: {place}")
            and re.search(row.theirs, theirs)
            and re.search(row.ours, ours)
        ):
            return row.reason
    return ""
