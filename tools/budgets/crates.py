"""Which crate may depend on which: ``bridge > wire | worker > engine > core``, Python only at the bridge.

``memory`` lies below ``wire`` and ``worker``, beside the others; ``trace`` between ``bridge`` and ``core``.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from budgets.tree import Finding, Tree

PREFIX = "trilith-"
BELOW: Mapping[str, frozenset[str]] = {
    "core": frozenset(),
    "engine": frozenset({"core"}),
    "memory": frozenset(),
    "trace": frozenset({"core"}),
    "interleavings": frozenset(),
    "wire": frozenset({"core", "engine", "memory"}),
    "worker": frozenset({"core", "engine", "memory"}),
    "bridge": frozenset({"core", "engine", "trace", "wire", "worker"}),
}
PYTHON_CRATES = ("pyo3", "numpy")
PYTHON_BORDER = "bridge"
# The workspace forbids unsafe code, and what is forbidden cannot be allowed in one module. These crates
# repeat the workspace's lints, with "deny" in place of "forbid", and may add to them.
WITH_UNSAFE = ("bridge", "memory")


def find(tree: Tree) -> Iterator[Finding]:
    """Yield every dependency against the arrows, and every crate that the workspace's lints do not reach."""
    workspace = tomllib.loads(tree.texts.get("Cargo.toml", "")).get("workspace", {}).get("lints", {})
    for path, text in tree.matching("crates/*/Cargo.toml"):
        crate = path.split("/")[1]
        manifest = tomllib.loads(text)
        if crate not in BELOW:
            yield Finding(path, 0, f"crate {crate} has no place among the layers: give it one in {__name__}")
            continue
        if not _lints_apply(crate, manifest.get("lints", {}), workspace):
            yield Finding(path, 0, "the workspace's lints must apply: [lints] workspace = true")
        for dependency in sorted(_dependencies(manifest)):
            yield from _judge(path, crate, dependency)


def _lints_apply(crate: str, lints: Mapping[str, Any], workspace: Mapping[str, Any]) -> bool:
    if lints.get("workspace") is True:
        return True
    relaxed = {**workspace, "rust": {**workspace.get("rust", {}), "unsafe_code": "deny"}}
    own = {tool: lints.get(tool, {}) for tool in relaxed}
    return crate in WITH_UNSAFE and all(own[tool].items() >= relaxed[tool].items() for tool in relaxed)


def _judge(path: str, crate: str, dependency: str) -> Iterator[Finding]:
    ours = dependency.removeprefix(PREFIX)
    if dependency.startswith(PREFIX) and ours not in BELOW[crate]:
        allowed = ", ".join(sorted(BELOW[crate])) or "no other crate of the workspace"
        yield Finding(path, 0, f"{crate} may not depend on {ours}, only on {allowed}")
    if crate != PYTHON_BORDER and dependency.startswith(PYTHON_CRATES):
        yield Finding(path, 0, f"only {PYTHON_BORDER} may know Python; {crate} depends on {dependency}")


def _dependencies(table: Mapping[str, Any]) -> set[str]:
    """Return the packages of every dependency table, those of single platforms included."""
    names = set()
    for key in ("dependencies", "dev-dependencies", "build-dependencies"):
        for name, value in table.get(key, {}).items():
            names.add(value.get("package", name) if isinstance(value, dict) else name)
    for platform in table.get("target", {}).values():
        names |= _dependencies(platform)
    return names
