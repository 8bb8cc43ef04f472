"""Small shared libraries, written byte by byte: no compiler is needed, and they can lie."""

import struct
from collections.abc import Sequence
from pathlib import Path

MACHINES = {"x86_64": 62, "aarch64": 183}
_HEADER, _PROGRAM, _SECTION = 64, 56, 64


def make_library(
    path: Path,
    *,
    needed: Sequence[str] = (),
    soname: str = "",
    search: str = "",
    machine: str = "x86_64",
    symbols: Sequence[str] = (),
) -> Path:
    """Write a library that says what it is told to; ``search`` is RUNPATH, or RPATH after 'rpath '."""
    old, paths = search.startswith("rpath "), search.removeprefix("rpath ")
    names = [soname, paths, *needed, *symbols]
    table = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    places = {
        name: 1 + sum(len(other.encode()) + 1 for other in names[:index]) for index, name in enumerate(names)
    }
    tags = [(1, places[name]) for name in needed]
    tags += [(14, places[soname])] if soname else []
    tags += [(15 if old else 29, places[paths])] if paths else []
    body = _HEADER + 2 * _PROGRAM
    entries = [*tags, (5, body), (10, len(table)), (0, 0)]
    dynamic_at = body + len(table)
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    listed = b"\0" * 24 + b"".join(struct.pack("<IBBHQQ", places[name], 18, 0, 1, 0, 0) for name in symbols)
    titles = b"\0.dynsym\0.dynstr\0.shstrtab\0"
    symbols_at = dynamic_at + len(dynamic)
    titles_at = symbols_at + len(listed)
    sections_at = titles_at + len(titles)
    sections = [
        (0, 0, 0, 0, 0, 0),
        (1, 11, symbols_at, len(listed), 2, 24),
        (9, 3, body, len(table), 0, 0),
        (17, 3, titles_at, len(titles), 0, 0),
    ]
    fields = (3, MACHINES[machine], 1, 0, _HEADER, sections_at, 0, 64, 56, 2, 64, 4, 3)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", *fields)
    whole = sections_at + len(sections) * _SECTION
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, whole, whole, 0x1000)
    dynamic_header = struct.pack(
        "<IIQQQQQQ", 2, 6, dynamic_at, dynamic_at, dynamic_at, len(dynamic), len(dynamic), 8
    )
    described = b"".join(
        struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, at, size, link, 1, 1, each)
        for name, kind, at, size, link, each in sections
    )
    return _write(path, header + load + dynamic_header + table + dynamic + listed + titles + described)


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
