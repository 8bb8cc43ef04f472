"""What an ELF file says of itself: machine, name, needs, versions of symbols, and the C++ ABI it speaks."""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"\x7fELF"
# How catalogues call the machines of ELF headers.
_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}
# std::string and std::list as libstdc++ mangles them since GCC 5; `Ss` and its like are the names before.
_NEW_ABI = re.compile(r"__cxx11|B5cxx11")
_OLD_ABI = re.compile(r"^_Z(?!T[VISC]).*(?<![A-Za-z0-9])(Ss|RKSs|RSs)|ERKSs|ERSs|ESs|SsE?v?$")


class Damaged(Exception):  # noqa: N818  says what the file is
    """A file that begins like ELF and cannot be read as such."""


@dataclass(frozen=True)
class Binary:
    """An executable or a shared library."""

    path: Path
    machine: str
    """As catalogues call it: ``x86_64``, ``aarch64``; otherwise as ELF does."""
    bits: int
    soname: str = ""
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    interpreter: str = ""
    wants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By library: versions of its symbols that are needed, such as ``GLIBC_2.34``."""
    defines: tuple[str, ...] = ()
    """Versions of symbols that it has."""

    @property
    def name(self) -> str:
        """What others call it."""
        return self.soname or self.path.name


def is_binary(path: Path) -> bool:
    """Say whether a file begins like ELF."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read(path: Path) -> Binary | None:
    """Read a file; None if it is no ELF file.

    Raises:
        Damaged: it begins like one and cannot be read.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return None
            return _guarded(path, file)
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror or error}") from error


def cxx_abi(path: Path) -> str:
    """Return which C++ standard library ABI a library's symbols speak: ``new``, ``old``, or empty for none.

    A library may keep names of both; one symbol of the new kind decides.
    """
    found = ""
    for name in symbols(path):
        if _NEW_ABI.search(name):
            return "new"
        if name.startswith("_Z") and _OLD_ABI.search(name):
            found = "old"
    return found


def symbols(path: Path) -> list[str]:
    """Return the names of dynamic symbols.

    Raises:
        Damaged: the file cannot be read.
    """
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415  not for --help

    try:
        with path.open("rb") as file:
            section: Any = ELFFile(file).get_section_by_name(".dynsym")
            return [str(symbol.name) for symbol in section.iter_symbols()] if section else []
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror or error}") from error
    except _foreign() as error:
        raise Damaged(f"{path}: not a whole ELF file: {error}") from error


def _guarded(path: Path, file: BinaryIO) -> Binary:
    try:
        return _read(path, file)
    except _foreign() as error:
        raise Damaged(f"{path}: not a whole ELF file: {error}") from error


def _foreign() -> tuple[type[Exception], ...]:
    """Return what pyelftools raises for files that lie about themselves."""
    from elftools.common.exceptions import ELFError  # noqa: PLC0415
    from elftools.construct import ConstructError  # noqa: PLC0415

    ours = (struct.error, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError)
    return (ELFError, ConstructError, AssertionError, MemoryError, *ours)


def _read(path: Path, file: BinaryIO) -> Binary:
    from elftools.elf.dynamic import DynamicSegment  # noqa: PLC0415
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415
    from elftools.elf.segments import InterpSegment  # noqa: PLC0415

    elf = ELFFile(file)
    entries: dict[str, list[str]] = {}
    interpreter = ""
    for segment in elf.iter_segments():
        if isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                _note(entries, tag)
        elif isinstance(segment, InterpSegment):
            interpreter = segment.get_interp_name()
    wants, defines = _versions(elf)
    machine = str(elf["e_machine"])
    return Binary(
        path=path,
        machine=_MACHINES.get(machine, machine),
        bits=int(elf.elfclass),
        soname=next(iter(entries.get("DT_SONAME", ())), ""),
        needed=tuple(entries.get("DT_NEEDED", ())),
        rpath=_paths(entries.get("DT_RPATH", ())),
        runpath=_paths(entries.get("DT_RUNPATH", ())),
        interpreter=interpreter,
        wants=wants,
        defines=defines,
    )


def _note(entries: dict[str, list[str]], tag: Any) -> None:
    texts = {"DT_NEEDED": "needed", "DT_SONAME": "soname", "DT_RPATH": "rpath", "DT_RUNPATH": "runpath"}
    kind = str(tag.entry.d_tag)
    if kind in texts:
        entries.setdefault(kind, []).append(str(getattr(tag, texts[kind])))


def _paths(texts: Any) -> tuple[str, ...]:
    return tuple(path for text in texts for path in text.split(":") if path)


def _versions(elf: Any) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    wants: dict[str, tuple[str, ...]] = {}
    section = elf.get_section_by_name(".gnu.version_r")
    if section:
        for library, versions in section.iter_versions():
            wants[str(library.name)] = tuple(str(version.name) for version in versions if _strong(version))
    section = elf.get_section_by_name(".gnu.version_d")
    return wants, tuple(_defined(section)) if section else ()


def _strong(version: Any) -> bool:
    """Say whether a version must be there: the linker goes on without a weak one."""
    weak = 0x2
    return not int(version["vna_flags"]) & weak


def _defined(section: Any) -> Iterator[str]:
    for _, names in section.iter_versions():
        first = next(iter(names), None)
        if first is not None:
            yield str(first.name)
