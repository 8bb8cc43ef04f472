"""``--help``: flags by group, as wide as a terminal."""

import textwrap
from collections.abc import Sequence

from trilith.cli.flag import Flag, Standing

WIDTH = 100
_INDENT = 8


def render(head: str, flags: Sequence[Flag]) -> str:
    """Write the help of a command.

    Args:
        head: what it is and how it is called.
        flags: that it takes.
    """
    shown = [flag for flag in flags if flag.standing is Standing.USED and flag.text]
    lines = [head.rstrip()]
    for group in dict.fromkeys(flag.group for flag in shown):
        lines += ["", f"{group}:"]
        for flag in shown:
            if flag.group == group:
                lines += _describe(flag)
    idle = [f"--{flag.name}" for flag in flags if flag.standing is Standing.IDLE]
    if idle:
        lines += ["", "Accepted without effect, so that command lines carry over:"]
        lines += textwrap.wrap(
            ", ".join(idle), WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
        )
    return "\n".join(lines)


def _describe(flag: Flag) -> list[str]:
    metavar = f"={flag.kind.metavar}" if flag.kind.metavar else ""
    default = (
        "" if flag.default in (None, "", False) and flag.kind.metavar != "true|false" else _default(flag)
    )
    indent = " " * _INDENT
    wrapped = textwrap.wrap(flag.text + default, WIDTH, initial_indent=indent, subsequent_indent=indent)
    return [f"    --{flag.name}{metavar}", *wrapped]


def _default(flag: Flag) -> str:
    value = str(flag.default).lower() if isinstance(flag.default, bool) else str(flag.default)
    return f" Default: {value}." if flag.kind.metavar else ""
