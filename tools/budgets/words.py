"""What must not stand in a file: unsafe Rust, loose ends, somebody's machine, bricks by name."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from budgets.tree import Finding, Tree

BORDER_OF_UNSAFE = ("crates/bridge/", "crates/memory/")
UNSAFE = re.compile(r"\bunsafe\s*(?:\{|fn\b|impl\b|extern\b|trait\b)|allow\(unsafe_code\)")

# Where a brick may be known by its manifest alone.
BRICK_BLIND = ("src/trilith/build/", "src/trilith/server", "src/trilith/cli/")
# Triton's flags carry the names of endpoints (--http-port): server and command line have to know them.
NAMED_BY_FLAGS = ("endpoint",)


@dataclass(frozen=True)
class Ban:
    """A pattern that must not stand in any file except those whose path starts with one of ``except_in``."""

    pattern: re.Pattern[str]
    message: str
    except_in: tuple[str, ...] = ()


# These files spell out what is banned.
OWN_FILES = ("tools/budgets/words.py", "tests/unit/tools/")

BANS = (
    Ban(
        re.compile(r"\b(?:TODO|FIXME|XXX)\b|\b(?:todo|unimplemented)!|\bNotImplementedError\b"),
        "a loose end: do it, or open an issue and take the remark out",
        OWN_FILES,
    ),
    Ban(
        re.compile(r"(?<![\w.-])/(?:work|tmp|root|home/\w+|Users/\w+)(?![\w-])"),
        "a path of somebody's machine",
        OWN_FILES,
    ),
    Ban(
        re.compile(
            r"\b(?:pypi\.org|pythonhosted\.org|(?:static|index)\.crates\.io|registry\.npmjs\.org|anaconda\.org"
            r"|nvcr\.io|ghcr\.io|quay\.io|docker\.io|proxy\.golang\.org)\b"
        ),
        "the host of a registry: name the package alone and let the client know its registry",
        OWN_FILES,
    ),
)


def find(tree: Tree) -> Iterator[Finding]:
    """Yield every place where something stands that must not."""
    for path, text in tree.texts.items():
        for ban in BANS:
            if not path.startswith(ban.except_in or "\0"):
                yield from _matches(path, text, ban.pattern, ban.message)
    for path, text in tree.matching("*.rs"):
        if not path.startswith(BORDER_OF_UNSAFE):
            yield from _matches(
                path, text, UNSAFE, f"unsafe code belongs to {' and '.join(BORDER_OF_UNSAFE)}"
            )
    yield from _bricks(tree)


def _matches(path: str, text: str, pattern: re.Pattern[str], message: str) -> Iterator[Finding]:
    for match in pattern.finditer(text):
        yield Finding(path, text.count("\n", 0, match.start()) + 1, f"'{match[0]}': {message}")


def _bricks(tree: Tree) -> Iterator[Finding]:
    bricks = [
        tomllib.loads(text).get("brick", {})
        for path, text in tree.under("src/trilith/bricks/")
        if path.endswith("/brick.toml")
    ]
    names = {str(brick.get("name")) for brick in bricks if brick.get("kind") not in NAMED_BY_FLAGS}
    for path, text in tree.under(*BRICK_BLIND):
        if path.endswith(".py"):
            yield from _named(path, text, names)


def _named(path: str, text: str, names: set[str]) -> Iterator[Finding]:
    """Yield where code compares with or imports a brick by name; prose may use the words."""
    try:
        module = ast.parse(text)
    except SyntaxError:
        return  # sizes report it
    for node in ast.walk(module):
        for word in _words(node):
            if word in names:
                message = f"brick '{word}' is named here: what is needed of a brick stands in its manifest"
                yield Finding(path, getattr(node, "lineno", 0), message)


def _words(node: ast.AST) -> list[str]:
    """Return what a piece of code refers to by name: dotted parts of a string, a variable, an import."""
    match node:
        case ast.Constant(value=str() as value):
            return value.split(".")
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return [name]
        case ast.ImportFrom(module=str() as module) if module.startswith("trilith.bricks"):
            return module.split(".")
        case ast.Import(names=names):
            ours = (alias.name.split(".") for alias in names if alias.name.startswith("trilith.bricks"))
            return list(chain.from_iterable(ours))
    return []
