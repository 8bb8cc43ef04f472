"""The command ``trilith``: finds the subcommand and runs it."""

import sys
from collections.abc import Sequence
from importlib import import_module

from trilith import __version__

USAGE_STATUS = 2
"""Exit status for a command line that cannot be, as shells and other tools have it."""

HELP = """\
Trilith: an inference server put together from bricks, speaking the KServe v2 / Triton protocol.

Usage:
    trilith serve MODEL_REPOSITORY... [flags]    serve the models of one or more repositories
    trilith check MODEL_REPOSITORY... [flags]    read and validate every configuration, serve nothing
    trilith bricks                               list the bricks that are installed
    trilith build [selection]                    put a server together: this one, or the upstream one
    trilith --version

'trilith COMMAND --help' says more."""

COMMANDS = {
    "serve": "trilith.cli.serve",
    "check": "trilith.cli.check",
    "bricks": "trilith.cli.bricks",
    "build": "trilith.cli.build",
}
"""Modules of the subcommands, each with a function ``main``; only the one that is called is imported."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``trilith`` with the words after it; the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    first = words[0] if words else "--help"
    if first in ("-h", "--help", "help"):
        sys.stdout.write(f"{HELP}\n")
        return 0
    if first == "--version":
        sys.stdout.write(f"trilith {__version__}\n")
        return 0
    command = COMMANDS.get(first)
    if command is None:
        from trilith.cli.parse import nearest  # noqa: PLC0415  needed only when something is wrong

        close = nearest(first, list(COMMANDS))
        hint = f"did you mean {close}?" if close else f"there are {', '.join(COMMANDS)}"
        sys.stderr.write(f"trilith: unknown command '{first}'; {hint}\n")
        return USAGE_STATUS
    status: int = import_module(command).main(words[1:])
    return status


if __name__ == "__main__":
    sys.exit(main())
