"""``trilith check``: read and validate every configuration, serve nothing."""

import sys
from collections.abc import Sequence
from pathlib import Path

from trilith.cli.flags import USED
from trilith.cli.parse import parse

HELP = """\
Read every model configuration of one or more repositories, complete it from the model, and validate it.
Serves nothing. Exits with 1 and names every problem if there are any.

Usage:
    trilith check MODEL_REPOSITORY... [flags]"""

_FLAG_NAMES = (
    "model-repository",
    "model-config-name",
    "model-namespacing",
    "disable-auto-complete-config",
    "backend-config",
)
FLAGS = tuple(flag for flag in USED if flag.name in _FLAG_NAMES)


def main(words: Sequence[str]) -> int:
    """Run ``trilith check``."""
    parsed = parse(words, FLAGS)
    if parsed.wants_help:
        from trilith.cli.usage import render  # noqa: PLC0415  only for --help

        sys.stdout.write(f"{render(HELP, FLAGS)}\n")
        return 0
    repositories = [*parsed.rest, *parsed.values["model_repository"]]
    if not repositories:
        parsed.problems.append("no model repository is named; for example: trilith check models")
    if parsed.problems:
        from trilith.cli.serve import USAGE_STATUS, complain  # noqa: PLC0415  only for mistakes

        sys.stderr.write(complain("trilith check", parsed.problems))
        return USAGE_STATUS
    from trilith.cli.options import group_settings  # noqa: PLC0415  not for --help and mistakes
    from trilith.contract import ConfigurationError  # noqa: PLC0415
    from trilith.runtime.check import check_repositories  # noqa: PLC0415

    try:
        findings = check_repositories(
            [Path(repository) for repository in repositories],
            complete=not parsed.values["disable_auto_complete_config"],
            backend_settings=group_settings(parsed.values["backend_config"]),
            configuration_name=parsed.values["model_config_name"],
            namespaces=parsed.values["model_namespacing"],
        )
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for name, reason in findings.items():
        sys.stdout.write(f"{name}: {reason or 'ok'}\n")
    return 1 if any(findings.values()) else 0
