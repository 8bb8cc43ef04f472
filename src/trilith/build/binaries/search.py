"""Where the dynamic linker looks for a library, in its order (ld.so(8))."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath

from trilith.build.binaries.elf import Binary, Damaged, read
from trilith.build.binaries.tree import MAX_LINKS, Tree

# Debian's linker is built with the first two pairs, others' with the rest.
_TRIPLETS = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}
_USUAL = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")


class Linker:
    """The dynamic linker of a system, with extra folders that its environment names."""

    def __init__(self, system: Tree, machine: str, folders: Sequence[str] = ()) -> None:
        """Look into ``system``; ``folders`` is LD_LIBRARY_PATH."""
        self.system, self.machine, self.folders = system, machine, tuple(folders)
        self._read: dict[str, Binary | None] = {}

    def find(self, name: str, chain: Sequence[tuple[Binary, str]]) -> tuple[Binary, str] | None:
        """Find a library.

        Args:
            name: as it is needed; with a slash it is a path.
            chain: who needs it, who loaded that one, and so on to the executable; each with its path in the
                tree.
        """
        user = chain[0][0]
        if "/" in name:
            places: Iterable[str] = [name]
        else:
            places = (f"{folder.rstrip('/')}/{name}" for folder in self.places(chain))
        for place in places:
            found = self._fits(place, user)
            if found:
                return found, place
        return None

    def places(self, chain: Sequence[tuple[Binary, str]]) -> Iterator[str]:
        """Yield the folders that are searched."""
        user, path = chain[0]
        if not user.runpath:
            for binary, where in chain:
                if not binary.runpath:
                    yield from _expand(binary.rpath, where, self.machine)
        yield from self.folders
        yield from _expand(user.runpath, path, self.machine)
        yield from self.configured
        triplet = _TRIPLETS.get(self.machine)
        if triplet:
            yield from (f"/lib/{triplet}", f"/usr/lib/{triplet}")
        yield from _USUAL

    @cached_property
    def configured(self) -> tuple[str, ...]:
        """Folders that ``/etc/ld.so.conf`` names."""
        return tuple(_configured(self.system, "/etc/ld.so.conf", 0))

    def _fits(self, place: str, user: Binary) -> Binary | None:
        """Return the library at a place, unless it is for another machine: the linker goes on then."""
        if place not in self._read:
            file = self.system.resolve(place)
            try:
                self._read[place] = read(file) if file and file.is_file() else None
            except Damaged:
                self._read[place] = None
        binary = self._read[place]
        return binary if binary and (binary.machine, binary.bits) == (user.machine, user.bits) else None


def _expand(paths: Iterable[str], where: str, machine: str) -> Iterator[str]:
    origin = str(PurePosixPath(where).parent)
    for path in paths:
        for token, value in (("ORIGIN", origin), ("LIB", f"lib/{_TRIPLETS.get(machine, '')}")):
            path = path.replace(f"${{{token}}}", value).replace(f"${token}", value)  # noqa: PLW2901
        if path.startswith("/"):
            yield path


def _configured(tree: Tree, file: str, depth: int) -> Iterator[str]:
    if depth > MAX_LINKS:
        return
    for line in tree.text(file).splitlines():
        words = line.partition("#")[0].split()
        if not words or words[0] == "hwcap":
            continue
        if words[0] == "include":
            for pattern in words[1:]:
                whole = pattern if pattern.startswith("/") else str(PurePosixPath(file).parent / pattern)
                for other in tree.glob(whole):
                    yield from _configured(tree, other, depth + 1)
        elif words[0].startswith("/"):
            yield words[0]
