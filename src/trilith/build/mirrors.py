"""``mirrors.toml``: rules that send addresses to mirrors, by their beginning.

::

    [git]
    "https://github.com/" = "https://mirror.example/github/"
    [archives]
    "https://archives.boost.io/" = "file:///srv/archives/"
    [pypi]
    index = "https://mirror.example/simple"
    [apt]
    "http://packages.example/debian" = "http://mirror.example/debian"
    [containers]
    "debian" = "mirror.example/library/debian"
    [crates]
    registry = "sparse+https://mirror.example/crates/"
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trilith.build.problems import BuildError, Problem, why
from trilith.build.spelling import suggest

PREFIXES = ("git", "archives", "apt", "containers")
SINGLE = {"pypi": "index", "crates": "registry"}


@dataclass(frozen=True)
class Mirrors:
    """Rules by kind of address; of those that fit, the longest counts."""

    rules: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, kind: str) -> Mapping[str, str]:
        """Return the rules of one kind."""
        return self.rules.get(kind, {})

    def rule(self, kind: str, address: str) -> str:
        """Return the beginning that covers an address; empty if none does."""
        fitting = [prefix for prefix in self.of(kind) if address.startswith(prefix)]
        return max(fitting, key=len, default="")

    def send(self, kind: str, address: str) -> str:
        """Return where an address is really fetched from."""
        prefix = self.rule(kind, address)
        return self.of(kind)[prefix] + address[len(prefix) :] if prefix else address

    def single(self, kind: str) -> str:
        """Return the one address of a kind that has no beginnings: an index or a registry."""
        return self.of(kind).get(SINGLE[kind], "")

    def folders(self) -> bool:
        """Say whether git is sent to a folder of this machine."""
        return any(target.startswith(("/", "file:")) for target in self.of("git").values())


def read(path: Path) -> Mirrors:
    """Read ``mirrors.toml``.

    Raises:
        BuildError: all mistakes.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BuildError([Problem(f"cannot be read: {why(error)}", str(path))]) from error
    problems: list[Problem] = []
    for kind, table in document.items():
        if kind not in (*PREFIXES, *SINGLE):
            hint = suggest(kind, [*PREFIXES, *SINGLE])
            problems.append(Problem("unknown table", str(path), kind, hint))
        elif not isinstance(table, dict) or not all(_is_rule(*item) for item in table.items()):
            problems.append(
                Problem("expected addresses on both sides", str(path), kind, 'write "FROM" = "TO"')
            )
        elif kind in SINGLE and set(table) != {SINGLE[kind]}:
            problems.append(
                Problem(
                    f"takes one key, '{SINGLE[kind]}'", str(path), kind, f'write {SINGLE[kind]} = "ADDRESS"'
                )
            )
    if problems:
        raise BuildError(problems)
    return Mirrors(document)


def git_configuration(mirrors: Mirrors) -> str:
    """Return a git configuration that sends every address through the rules, nested ones included.

    ``insteadOf`` reaches what CMake clones by itself (FetchContent, ExternalProject, submodules); setting
    source folders one by one does not.
    """
    lines = [
        f'[url "{_escape(target)}"]\n\tinsteadOf = "{_escape(source)}"'
        for source, target in mirrors.of("git").items()
    ]
    if mirrors.folders():
        # git refuses submodules from folders otherwise.
        lines.append('[protocol "file"]\n\tallow = always')
    lines.append("[advice]\n\tdetachedHead = false")
    return "\n".join(lines) + "\n"


def left_out_rules(names: Iterable[str]) -> str:
    """Return a git configuration that leaves submodules out."""
    return "".join(f'[submodule "{_escape(name)}"]\n\tupdate = none\n' for name in names)


def left_out_include(address: str, file: str) -> str:
    """Return a git configuration that reads another where a repository is cloned (git 2.36 and newer)."""
    plain = _escape(address.rstrip("/").removesuffix(".git"))
    return "".join(
        f'[includeIf "hasconfig:remote.*.url:{one}"]\n\tpath = "{_escape(file)}"\n'
        for one in (plain, f"{plain}.git")
    )


def _is_rule(source: object, target: object) -> bool:
    texts = (source, target)
    return all(isinstance(text, str) and text and text.isprintable() for text in texts)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
