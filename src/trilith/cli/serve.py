"""``trilith serve``, and what it shares with ``tritonserver``."""

import sys
from collections.abc import Iterable, Sequence

from trilith.cli.flags import FLAGS
from trilith.cli.parse import Parsed, parse

HELP = """\
Serve the models of one or more repositories over HTTP, gRPC and with metrics.

Usage:
    trilith serve MODEL_REPOSITORY... [flags]

A flag is written --flag=value or --flag value. Names and meanings are those of tritonserver."""

USAGE_STATUS = 2


def main(words: Sequence[str]) -> int:
    """Run ``trilith serve``."""
    parsed = parse(words, FLAGS)
    parsed.values["model_repository"] = [*parsed.rest, *parsed.values["model_repository"]]
    return run("trilith serve", HELP, parsed, USAGE_STATUS)


def run(command: str, help_text: str, parsed: Parsed, usage_status: int) -> int:
    """Serve as a command line says. Does not return once the server has run: the process ends.

    Args:
        command: its name, for messages.
        help_text: head of its help.
        parsed: the command line.
        usage_status: what to exit with if it cannot be.
    """
    if parsed.wants_help:
        from trilith.cli.usage import render  # noqa: PLC0415  only for --help

        sys.stdout.write(f"{render(help_text, FLAGS)}\n")
        return 0
    from trilith.cli.options import UsageError, build_options  # noqa: PLC0415  slow to import; not for --help

    example = f"{command} models" if command != "tritonserver" else f"{command} --model-repository=models"
    try:
        options = build_options(parsed, example)
    except UsageError as error:
        sys.stderr.write(complain(command, str(error).splitlines()))
        return usage_status
    from trilith.runtime.logs import configure  # noqa: PLC0415  not for --help and mistakes
    from trilith.server.run import leave, serve  # noqa: PLC0415

    try:
        configure(options.log)
    except OSError as error:
        sys.stderr.write(f"{command}: --log-file={options.log.file}: {error.strerror or error}\n")
        return usage_status
    status = serve(options)
    leave(status)
    return status


def complain(command: str, problems: Iterable[str]) -> str:
    """Render what is wrong with a command line."""
    lines = [f"{command}: {problem}" for problem in problems]
    return "\n".join([*lines, f"{command} --help lists the flags", ""])
