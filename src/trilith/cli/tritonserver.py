"""The command ``tritonserver``: the same server under the name that people and tools start it by."""

import sys
from collections.abc import Sequence

from trilith.cli.flags import FLAGS
from trilith.cli.parse import parse
from trilith.cli.serve import run

HELP = """\
Trilith, started by the name of the server whose command line and protocols it speaks.

Usage:
    tritonserver --model-repository=FOLDER [flags]

A flag is written --flag=value or --flag value."""

USAGE_STATUS = 1
"""What Triton exits with for a command line that cannot be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``tritonserver`` with the words after it; the exit status."""
    parsed = parse(sys.argv[1:] if arguments is None else arguments, FLAGS)
    parsed.problems += [f"unexpected argument '{word}'" for word in parsed.rest]
    return run("tritonserver", HELP, parsed, USAGE_STATUS)


if __name__ == "__main__":
    sys.exit(main())
