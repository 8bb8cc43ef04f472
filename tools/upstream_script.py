"""What the upstream build script says at a commit: its flags, and the versions that a release goes with."""

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_OLD_ORDER = (
    "triton-container-version",
    "upstream-container-version",
    "ort-version",
    "ort-openvino-version",
    "standalone-openvino-version",
    "dcgm-version",
)
"""What stood where in the table of versions until 24.11; since 24.12 it has names."""


@dataclass(frozen=True)
class UpstreamFlag:
    """A flag of the script."""

    name: str
    takes: int
    """How many words its value has; none for a switch."""
    repeats: bool


def flags(text: str) -> Iterator[UpstreamFlag]:
    """Yield the flags that a script declares."""
    for node in ast.walk(_parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr != "add_argument":
                continue
            names = [word.value for word in node.args if isinstance(word, ast.Constant)]
            told = {item.arg: item.value for item in node.keywords}
            action = _constant(told.get("action"))
            takes = 0 if action == "store_true" else int(str(_constant(told.get("nargs")) or 1))
            yield UpstreamFlag(str(names[-1]).removeprefix("--"), takes, action == "append")


def versions(text: str) -> Mapping[str, str]:
    """Return what a release goes with, by the names of settings."""
    for node in ast.walk(_parse(text)):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        if node.targets[0].id == "DEFAULT_TRITON_VERSION_MAP":
            return {key.replace("_", "-"): value for key, value in ast.literal_eval(node.value).items()}
        if node.targets[0].id == "TRITON_VERSION_MAP":
            first = next(iter(ast.literal_eval(node.value).values()))
            named = dict(zip(_OLD_ORDER, first, strict=False))
            return {key: value for key, value in named.items() if isinstance(value, str)}
    return {}


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in the script's own texts
        return ast.parse(text)


def _constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None
