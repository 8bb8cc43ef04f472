"""A plan on a terminal: the tree in colours; piped, the same lines plain."""

import re
import sys
from typing import TYPE_CHECKING

from trilith.build.tree import Node, draw

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

# What a line says besides names: sizes, where a value came from, hashes and addresses.
_STYLES = {
    r"\b(?:about )?[\d.]+ [kMG]B\b": "cyan",
    r" \([^()]*\)$": "dim",
    r"\b[0-9a-f]{40,64}\b": "dim",
    r"\b(?:https?|file|git|ssh)://\S+": "blue",
}
NAMED = "named"
"""Style of a line that begins with the name of a component."""
_TITLE = re.compile(r"^[\w -]+: ")


def show(root: Node) -> None:
    """Print a tree to standard output."""
    if not sys.stdout.isatty():
        sys.stdout.write(draw(root))
        return
    from rich.console import Console  # noqa: PLC0415  not for pipes
    from rich.tree import Tree  # noqa: PLC0415

    tree = Tree(_styled(root.text, "bold"))
    for section in root.children:
        branch = tree.add(_styled(section.text, "bold green"))
        _add(section, branch)
    Console(highlight=False).print(tree)


def _add(node: Node, branch: "Tree") -> None:
    for child in node.children:
        _add(child, branch.add(_styled(child.text, NAMED if child.children else "")))


def _styled(line: str, style: str) -> "Text":
    """Style a line; its text stays as it is, whatever brackets it holds."""
    from rich.text import Text  # noqa: PLC0415

    text = Text(line)
    title = _TITLE.match(line)
    if style == NAMED:
        text.stylize("bold", 0, len(re.split("[ ,]", line, maxsplit=1)[0]))
    elif style:
        text.stylize(style)
    elif title:
        text.stylize("green", 0, title.end() - 1)
    for pattern, one in _STYLES.items():
        text.highlight_regex(pattern, one)
    return text
