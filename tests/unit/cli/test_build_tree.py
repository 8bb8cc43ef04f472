"""A plan on a terminal and in a pipe."""

import io
import re
import sys

import pytest

from trilith.build.tree import Node
from trilith.cli.build_tree import show

PLAN = Node(
    "A server",
    [
        Node("decided", [Node("about 60 MB unpacked"), Node("plan " + "a1" * 32)]),
        Node("chosen", [Node("backend.one, 60 MB (preset [small])", [Node("needs: core.server")])]),
    ],
)


class Terminal(io.StringIO):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show(PLAN)
    shown = capsys.readouterr().out
    assert "\033" not in shown
    assert "    └── backend.one, 60 MB (preset [small])\n" in shown


def test_a_terminal_gets_colours_and_the_same_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    show(PLAN)
    plain = capsys.readouterr().out
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", terminal)
    show(PLAN)
    shown = terminal.getvalue()
    assert re.search(r"\033\[[0-9;]*m60 MB\033", shown), "a size has a colour of its own"
    assert re.sub(r"\033\[[0-9;]*m", "", shown) == plain
