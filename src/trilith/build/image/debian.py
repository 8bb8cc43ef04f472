"""Debian packages, read without being run: an ``ar`` archive with two tar archives in it (deb(5))."""

import bz2
import gzip
import lzma
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

from trilith.build.image.entries import Entry, Kind, file, folder, link
from trilith.build.problems import BuildError, Problem

_MAGIC = b"!<arch>\n"
_HEADER = 60
# Folders that Debian 12 and later keep in /usr, with links at the root.
MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
# What the package manager reads; scanners find packages in folders of this name too.
STATUS = "var/lib/dpkg/status.d"
_LEFT_OUT = re.compile(r"usr/share/(doc|man|info|lintian|locale)(/(?!.*/copyright$)|$)")
_CERTIFICATES = "usr/share/ca-certificates/"


def members(path: Path) -> dict[str, bytes]:
    """Return the members of an ``ar`` archive.

    Raises:
        BuildError: it is none, or it is cut off.
    """
    data = path.read_bytes()
    if not data.startswith(_MAGIC):
        raise BuildError([Problem("is no Debian package: it does not begin like one", str(path))])
    found: dict[str, bytes] = {}
    position = len(_MAGIC)
    while position + _HEADER <= len(data):
        header = data[position : position + _HEADER]
        try:
            size = int(header[48:58])
        except ValueError as error:
            raise BuildError([Problem("a header in it cannot be read", str(path))]) from error
        start = position + _HEADER
        if size < 0 or start + size > len(data):
            raise BuildError([Problem("is cut off", str(path), suggestion="fetch it again")])
        found[header[:16].decode("ascii", "replace").strip().rstrip("/")] = data[start : start + size]
        position = start + size + size % 2
    return found


def control(path: Path) -> str:
    """Return the control file of a package: its name, version and so on."""
    with _archive(path, "control.tar") as archive:
        for member in archive:
            if PurePosixPath(member.name).as_posix() == "control":
                content = archive.extractfile(member)
                return content.read().decode("utf-8", "replace") if content else ""
    raise BuildError([Problem("holds no control file", str(path))])


def contents(path: Path) -> Iterator[Entry]:
    """Yield the files of a package, where they lie on a system whose ``/bin`` and ``/lib`` are in ``/usr``.

    Documentation, manuals and translations stay out, licences do not.

    Raises:
        BuildError: it cannot be read, or holds something that would not stay in the system's root.
    """
    with _archive(path, "data.tar") as archive:
        for member in archive:
            name = _inside(member.name, path)
            if name in ("", ".") or name in MERGED or _LEFT_OUT.match(name):
                continue
            entry = _entry(archive, member, merged(name), path)
            if entry:
                yield entry


def unpack_all(packages: Iterable[Path]) -> list[Entry]:
    """Return the system that packages make together: their files, links for merged folders, a status each."""
    found: dict[str, Entry] = {name: link(name, f"usr/{name}") for name in MERGED if name in _needed()}
    for path in packages:
        text = control(path)
        name = _field(text, "Package") or path.stem
        found |= {entry.path: entry for entry in contents(path)}
        found[f"{STATUS}/{name}"] = file(f"{STATUS}/{name}", _status(text))
    bundle = _bundle(found.values())
    if bundle:
        found[bundle.path] = bundle
    found.setdefault("tmp", folder("tmp", 0o1777))
    return list(found.values())


def merged(path: str) -> str:
    """Return where a file lies when ``/bin`` and its like are links into ``/usr``."""
    return f"usr/{path}" if path.partition("/")[0] in MERGED else path


def _needed() -> tuple[str, ...]:
    return ("bin", "lib", "lib64", "sbin")


def _archive(path: Path, begins: str) -> tarfile.TarFile:
    for name, data in members(path).items():
        if name.startswith(begins):
            try:
                return tarfile.open(fileobj=BytesIO(_decompress(name, data)), mode="r:")
            except (OSError, EOFError, lzma.LZMAError, tarfile.TarError, ValueError) as error:
                raise BuildError([Problem(f"{name} cannot be unpacked: {error}", str(path))]) from error
    raise BuildError([Problem(f"holds no {begins}", str(path), suggestion="it is no Debian package")])


def _decompress(name: str, data: bytes) -> bytes:
    suffix = name.rpartition(".")[2]
    if suffix == "zst":
        import zstandard  # noqa: PLC0415  Ubuntu's packages only

        with zstandard.ZstdDecompressor().stream_reader(BytesIO(data)) as stream:
            return bytes(stream.read())
    opened: dict[str, Callable[[bytes], bytes]] = {
        "xz": lzma.decompress,
        "gz": gzip.decompress,
        "bz2": bz2.decompress,
        "tar": bytes,
    }
    if suffix not in opened:
        raise ValueError(f"compressed in a way that is not known: {suffix}")
    return opened[suffix](data)


def _inside(name: str, path: Path) -> str:
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts:
        raise BuildError([Problem(f"holds '{name}', which leads out of the system's root", str(path))])
    return place.as_posix()


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, package: Path) -> Entry | None:
    if member.isdir():
        return Entry(path, Kind.FOLDER, member.mode, uid=member.uid, gid=member.gid)
    if member.issym():
        return link(path, member.linkname)
    if member.islnk():
        target = merged(_inside(member.linkname, package))
        return Entry(path, Kind.HARD_LINK, member.mode, target=target, uid=member.uid, gid=member.gid)
    content = archive.extractfile(member) if member.isreg() else None
    if content is None:
        return None
    return Entry(path, Kind.FILE, member.mode, content.read(), uid=member.uid, gid=member.gid)


def _field(text: str, name: str) -> str:
    found = re.search(rf"(?m)^{name}: *(\S+)", text)
    return found[1] if found else ""


def _status(text: str) -> str:
    first, _, rest = text.partition("\n")
    return f"{first}\nStatus: install ok installed\n{rest}"


def _bundle(entries: Iterable[Entry]) -> Entry | None:
    """Return the file of certificates that a script of their package would have made."""
    parts = [
        entry.source
        for entry in sorted(entries, key=lambda entry: entry.path)
        if entry.path.startswith(_CERTIFICATES)
        and isinstance(entry.source, bytes)
        and entry.path.endswith(".crt")
    ]
    return file("etc/ssl/certs/ca-certificates.crt", b"".join(parts)) if parts else None
