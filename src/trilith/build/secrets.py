"""Keeps passwords and tokens out of files, messages and logs."""

import re
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit
from urllib.request import Request

from trilith.build.mirrors import Mirrors
from trilith.build.model import Plan
from trilith.build.problems import BuildError, Problem

# What stands between scheme and host (`user:token@`), and what a query is asked with.
_USER = re.compile(r"(?<=://)[^/\s@'\"]+@")
_QUERY = re.compile(r"(?i)([?&](?:[\w-]*(?:token|key|secret|password|signature|sig|auth)[\w-]*)=)[^&\s'\"]+")


def redact(text: str) -> str:
    """Return a text without credentials in its addresses."""
    return _QUERY.sub(r"\1***", _USER.sub("***@", text))


def has_secret(address: str) -> bool:
    """Say whether an address holds a credential; a user's name alone (``git@``) is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    alone = parts.username == "git" and not parts.password
    return (bool(parts.username) and not alone) or bool(_QUERY.search(address))


def request_of(address: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Request:
    """Make a request; user and password in its address become a header that no other server is sent."""
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    place = parts._replace(netloc=host).geturl() if at else address
    asked = Request(place, headers=dict(headers or {}), method=method)  # noqa: S310  catalogues and mirrors are the user's
    if at:
        coded = b64encode(unquote(user if ":" in user else f"{user}:").encode()).decode("ascii")
        asked.add_unredirected_header("Authorization", f"Basic {coded}")
    return asked


def refuse_secrets(plan: Plan, *, rules: bool) -> None:
    """Refuse credentials that would land in what is written.

    Args:
        plan: what is written from.
        rules: whether the mirrors' addresses are written too.

    Raises:
        BuildError: all of them, without their values.
    """
    found = [f"the mirror of {source}" for source in secret_rules(plan.mirrors)] if rules else []
    organization = plan.selection.text("github-organization")
    found += ["--github-organization"] if has_secret(organization) else []
    hint = "leave it to git's credential helper, .netrc or pip's configuration; 'fetch' keeps it in memory"
    if found:
        raise BuildError(
            [
                Problem(f"{one} holds a credential, which would be written down", suggestion=hint)
                for one in found
            ]
        )


def secret_rules(mirrors: Mirrors) -> list[str]:
    """Return the mirror rules whose target holds a credential, by what they stand for."""
    return [
        source
        for rules in mirrors.rules.values()
        for source, target in rules.items()
        if has_secret(target.removeprefix("sparse+"))
    ]
