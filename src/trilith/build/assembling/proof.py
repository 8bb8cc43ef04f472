"""Runs a build where there is no network, and counts who asks for one."""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trilith.build.problems import BuildError, Problem
from trilith.build.processes import run_to_end, show

# What strace writes of a connection; sockets in the file system and those of the kernel are no network.
_CONNECT = re.compile(r"connect\(.*?sa_family=(AF_\w+)")
_NO_NETWORK = frozenset({"AF_UNIX", "AF_NETLINK", "AF_UNSPEC"})
_SHOWN = 5
_NAMESPACES: tuple[tuple[str, ...], ...] = (
    ("unshare", "--net"),
    ("unshare", "--user", "--map-root-user", "--net"),
)


@dataclass(frozen=True)
class Cut:
    """How a command is kept from networks, and how it is watched."""

    namespace: tuple[str, ...] = ()
    """Words that cut it off; empty where this machine does not let one do so."""
    trace: tuple[str, ...] = ()
    """Words that write down its connections; empty where strace is not there."""


@dataclass(frozen=True)
class Proof:
    """What was seen of a command."""

    cut: str
    connections: tuple[str, ...] = ()
    counted: bool = False

    def __str__(self) -> str:
        """Render as one line."""
        cut = f"network cut off by '{self.cut}'" if self.cut else "network not cut off"
        count = (
            f"{len(self.connections)} network connections (strace)"
            if self.counted
            else "not counted: no strace"
        )
        return f"proof: {cut}; {count}"


def ways() -> Cut:
    """Find out what this machine can do."""
    able_to = (words for words in _NAMESPACES if shutil.which(words[0]) and _works([*words, "true"]))
    namespace = next(able_to, ())
    strace = ("strace", "--follow-forks", "--quiet=all", "--seccomp-bpf", "--trace=connect")
    able = shutil.which(strace[0]) and _works([*namespace, *strace, "--output=/dev/null", "true"])
    return Cut(namespace, strace if able else ())


def run_cut(
    words: Sequence[str], cut: Cut, environment: Mapping[str, str], folder: Path, *, quiet: bool = False
) -> tuple[int, Proof]:
    """Run a command without a network.

    Returns:
        its exit status, and what was seen.

    Raises:
        BuildError: this machine can neither cut it off nor watch it.
    """
    if not cut.namespace and not cut.trace:
        raise BuildError(
            [
                Problem(
                    "this machine can neither cut off the network (unshare) nor count connections (strace)",
                    suggestion="install util-linux or strace, allow user namespaces, or leave out --prove",
                )
            ]
        )
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "connections"
        trace = [*cut.trace, f"--output={log}"] if cut.trace else []
        status = run_plain([*cut.namespace, *trace, *words], environment, folder, quiet=quiet)
        found = connections(log.read_text(errors="replace")) if log.is_file() else []
    return status, Proof(" ".join(cut.namespace), tuple(found), bool(cut.trace))


def run_plain(
    words: Sequence[str], environment: Mapping[str, str], folder: Path, *, quiet: bool = False
) -> int:
    """Run a command in the foreground; what it says is shown, or kept for when it fails."""
    variables = {**os.environ, **environment}
    if not quiet:
        return show(words, folder=folder, environment=variables)
    with (folder / "build.log").open("wb") as log:
        return show(words, folder=folder, environment=variables, log=log)


def connections(text: str) -> list[str]:
    """Return the lines of a trace that are network connections."""
    found = ((line, _CONNECT.search(line)) for line in text.splitlines())
    return [line for line, match in found if match and match[1] not in _NO_NETWORK]


def refuse_connections(proof: Proof) -> None:
    """Refuse a build that asked for a network.

    Raises:
        BuildError: it did; the first of them are shown.
    """
    if proof.connections:
        shown = "; ".join(line.strip() for line in proof.connections[:_SHOWN])
        told = f"the build asked for a network {len(proof.connections)} times: {shown}"
        hint = "a table [third_party.NAME] of the catalogue brings what it asks for into the lock"
        raise BuildError([Problem(told, suggestion=hint)])


def _works(words: Sequence[str]) -> bool:
    return run_to_end(words).returncode == 0
