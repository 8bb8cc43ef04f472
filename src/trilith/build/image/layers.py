"""Layers whose bytes depend on their entries alone: no times, no names of owners, no order of disks."""

import gzip
import hashlib
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from trilith.build.image.entries import Entry, Kind

# The usual level of gzip: higher ones cost several times the time for a percent or two.
LEVEL = 6
_TYPES = {
    Kind.FILE: tarfile.REGTYPE,
    Kind.FOLDER: tarfile.DIRTYPE,
    Kind.LINK: tarfile.SYMTYPE,
    Kind.HARD_LINK: tarfile.LNKTYPE,
}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Layer:
    """A layer on disk."""

    file: Path
    digest: str
    """``sha256:`` of the file as it lies, compressed."""
    diff_id: str
    """``sha256:`` of what is in it."""
    size: int
    title: str = ""
    """What made it, for the image's history."""
    media_type: str = "application/vnd.oci.image.layer.v1.tar+gzip"


class _Hashing:
    """A file that hashes what is written."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.hash, self.size = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self.size += len(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()

    @property
    def digest(self) -> str:
        return f"sha256:{self.hash.hexdigest()}"


def write_layer(entries: Iterable[Entry], folder: Path, epoch: int, title: str) -> Layer:
    """Write a layer into a folder of blobs, by the name of its hash."""
    partial = folder / f".{hashlib.sha256(title.encode()).hexdigest()}.partial"
    with partial.open("wb") as file:
        outer = _Hashing(file)
        packed = gzip.GzipFile(
            filename="", mode="wb", compresslevel=LEVEL, fileobj=cast("BinaryIO", outer), mtime=0
        )
        inner = _Hashing(cast("BinaryIO", packed))
        with tarfile.open(fileobj=cast("BinaryIO", inner), mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for entry in entries:
                _add(archive, entry, epoch)
        packed.close()
    target = folder / outer.digest.removeprefix("sha256:")
    partial.replace(target)
    return Layer(target, outer.digest, inner.digest, outer.size, title)


def write_archive(entries: Iterable[Entry], target: Path, epoch: int) -> Path:
    """Write entries into a plain archive: the root of a system, for engines that unpack one."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            _add(archive, entry, epoch)
    return target


def _add(archive: tarfile.TarFile, entry: Entry, epoch: int) -> None:
    info = tarfile.TarInfo(entry.path)
    info.type, info.mode, info.mtime = _TYPES[entry.kind], entry.mode, epoch
    info.uid, info.gid, info.linkname = entry.uid, entry.gid, entry.target
    info.size = entry.size
    if entry.kind is not Kind.FILE:
        archive.addfile(info)
    elif isinstance(entry.source, bytes):
        from io import BytesIO  # noqa: PLC0415

        archive.addfile(info, BytesIO(entry.source))
    else:
        with entry.source.open("rb") as file:
            archive.addfile(info, file)


def digest_of(path: Path) -> str:
    """Return the ``sha256:`` of a file."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return f"sha256:{total.hexdigest()}"
