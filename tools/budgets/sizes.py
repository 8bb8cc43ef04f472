"""How long files and functions may be.

Beauty is lost in the tail: the limits stand on the longest, and the median is held besides. Rust functions
are measured by clippy; that clippy is told to is checked here.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from statistics import median

from budgets.tree import Finding, Tree

FILE_LINES = 500
MEDIAN_LINES = 150
FUNCTION_LINES = 50
PARAMETERS = 6

SOURCES = ("*.py", "*.pyi", "*.rs", "*.proto")
# Whose median counts: what ships.
MODULES = {"Python": ("src/", ".py"), "Rust": ("crates/", ".rs")}

CLIPPY = {
    "too-many-lines-threshold": 60,
    "too-many-arguments-threshold": 6,
    "cognitive-complexity-threshold": 15,
}
CLIPPY_LINTS = ("too_many_lines", "too_many_arguments", "cognitive_complexity")
SWITCHED_OFF = re.compile(rf"\b(?:allow|expect)\([^)]*clippy::({'|'.join(CLIPPY_LINTS)})\b")


def find(tree: Tree) -> Iterator[Finding]:
    """Yield everything that is too long."""
    yield from _files(tree)
    yield from _medians(tree)
    for path, text in tree.matching("*.py", "*.pyi"):
        yield from _functions(path, text)
    yield from _clippy(tree)


def summary(tree: Tree) -> Iterator[str]:
    """Yield one line per language: how many modules, their median, the longest."""
    for language in MODULES:
        lengths = _module_lengths(tree, language)
        if lengths:
            longest = max(lengths, key=lambda path: lengths[path])
            middle = round(median(lengths.values()))
            yield (
                f"{language}: {len(lengths)} modules, median {middle} lines, "
                f"longest {lengths[longest]} ({longest})"
            )


def _files(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.matching(*SOURCES):
        lines = len(text.splitlines())
        if lines > FILE_LINES:
            yield Finding(path, 0, f"{lines} lines, at most {FILE_LINES}: split it by what it is about")


def _module_lengths(tree: Tree, language: str) -> dict[str, int]:
    folder, suffix = MODULES[language]
    return {
        path: len(text.splitlines()) for path, text in tree.under(folder) if path.endswith(suffix) and text
    }


def _medians(tree: Tree) -> Iterator[Finding]:
    for language, (folder, _) in MODULES.items():
        lengths = _module_lengths(tree, language)
        if lengths and median(lengths.values()) > MEDIAN_LINES:
            middle = round(median(lengths.values()))
            yield Finding(
                folder, 0, f"the median {language} module has {middle} lines, at most {MEDIAN_LINES}"
            )


def _functions(path: str, text: str) -> Iterator[Finding]:
    try:
        module = ast.parse(text)
    except SyntaxError as error:
        yield Finding(path, error.lineno or 0, f"cannot be parsed: {error.msg}")
        return
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield Finding(path, node.lineno, f"{node.name} has {lines} lines, at most {FUNCTION_LINES}")
            count = len(_parameters(node.args))
            if count > PARAMETERS:
                yield Finding(
                    path, node.lineno, f"{node.name} takes {count} parameters, at most {PARAMETERS}"
                )


def _parameters(arguments: ast.arguments) -> list[str]:
    """Return the names a caller may give a value to; the object of a method is not among them."""
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    names = [argument.arg for argument in every if argument is not None]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _clippy(tree: Tree) -> Iterator[Finding]:
    settings = tomllib.loads(tree.texts.get("clippy.toml", ""))
    for key, limit in CLIPPY.items():
        if not 0 < settings.get(key, 0) <= limit:
            yield Finding("clippy.toml", 0, f"{key} must be set, and to {limit} at most")
    workspace = tomllib.loads(tree.texts.get("Cargo.toml", ""))
    lints = workspace.get("workspace", {}).get("lints", {}).get("clippy", {})
    for lint in CLIPPY_LINTS:
        if lints.get(lint) not in ("warn", "deny"):
            yield Finding("Cargo.toml", 0, f"the lint clippy::{lint} must be on for the workspace")
    for path, text in tree.matching("*.rs"):
        for match in SWITCHED_OFF.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Finding(path, line, f"clippy::{match[1]} is switched off: split the function instead")
