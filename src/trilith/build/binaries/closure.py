"""All that a set of executables and libraries needs, by reading; nothing is run."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trilith.build.binaries.elf import Binary, Damaged, read
from trilith.build.binaries.search import Linker
from trilith.build.binaries.tree import Tree

Chain = tuple[tuple[Binary, str], ...]
# The linker itself, which is loaded already, and what the kernel brings.
_ALWAYS_THERE = ("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "linux-vdso.so.1")


@dataclass(frozen=True)
class Missing:
    """A library that is nowhere."""

    library: str
    needed_by: str
    searched: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outdated:
    """A library that is there, without a version of symbols that somebody needs."""

    library: str
    found: str
    version: str
    needed_by: str


@dataclass
class Closure:
    """What was found."""

    libraries: dict[str, Binary] = field(default_factory=dict)
    """Everything that is needed, by its path in the tree."""
    users: dict[str, str] = field(default_factory=dict)
    """By the same path: the first that needs it."""
    missing: list[Missing] = field(default_factory=list)
    outdated: list[Outdated] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    """Files for another machine."""


def close(
    tree: Tree,
    roots: Iterable[Path],
    machine: str,
    *,
    folders: Sequence[str] = (),
    loader: Path | None = None,
) -> Closure:
    """Follow everything that files need.

    Args:
        tree: the root of the system that they run on.
        roots: executables, libraries, and what is loaded as a plug-in; others are passed over.
        machine: what they must be for.
        folders: LD_LIBRARY_PATH.
        loader: the executable that loads plug-ins, whose RPATH counts for them.
    """
    walk = _Walk(tree, Linker(tree, machine, folders), machine)
    start = walk.open(loader) if loader else None
    for root in roots:
        binary = walk.open(root)
        if binary:
            walk.queue.append((binary, start) if start and start != binary else (binary,))
    return walk.run()


class _Walk:
    """A breadth-first walk, as the linker's own."""

    def __init__(self, tree: Tree, linker: Linker, machine: str) -> None:
        self.tree, self.linker, self.machine = tree, linker, machine
        self.queue: deque[Chain] = deque()
        self.found = Closure()
        self._done: set[str] = set()

    def open(self, path: Path) -> tuple[Binary, str] | None:
        """Read a file to start from."""
        try:
            binary = read(path)
        except Damaged as error:
            self.found.damaged.append(str(error))
            return None
        if binary and binary.machine != self.machine:
            self.found.foreign.append(f"{path} is for {binary.machine}")
            return None
        return (binary, self.tree.inside(Path(path))) if binary else None

    def run(self) -> Closure:
        while self.queue:
            chain = self.queue.popleft()
            if chain[0][1] not in self._done:
                self._done.add(chain[0][1])
                for name in chain[0][0].needed:
                    self._need(name, chain)
        return self.found

    def _need(self, name: str, chain: Chain) -> None:
        user, path = chain[0]
        found = self.linker.find(name, chain) or self._beside(name, chain)
        if found is None:
            if name not in _ALWAYS_THERE:
                searched = tuple(dict.fromkeys(self.linker.places(chain)))
                self.found.missing.append(Missing(name, path, searched))
            return
        binary, place = found
        self.found.libraries.setdefault(place, binary)
        self.found.users.setdefault(place, path)
        self._versions(name, user, path, found)
        self.queue.append(((binary, place), *chain))

    def _beside(self, name: str, chain: Chain) -> tuple[Binary, str] | None:
        """Return a library that somebody in the chain has loaded already: it is found by its name."""
        loaded = {other for binary, _ in chain[1:] for other in binary.needed}
        if name not in loaded:
            return None
        for index in range(1, len(chain)):
            found = self.linker.find(name, chain[index:])
            if found and name in chain[index][0].needed:
                return found
        return None

    def _versions(self, name: str, user: Binary, path: str, found: tuple[Binary, str]) -> None:
        binary, place = found
        if not binary.defines:  # made without versions: the linker warns at most
            return
        for version in user.wants.get(name, ()):
            if version not in binary.defines:
                self.found.outdated.append(Outdated(name, place, version, path))
