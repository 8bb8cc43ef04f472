"""The root of an image as one archive, whatever its layers hide: for engines that unpack an archive."""

import posixpath
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

from trilith.build.image.reading import ImageLayer
from trilith.build.image.unpacking import OPAQUE, WHITEOUT
from trilith.build.problems import BuildError, Problem


@dataclass(frozen=True)
class _Place:
    """Where the last word on a path stands."""

    layer: int
    number: int
    """Of the member in its layer."""
    is_folder: bool


def flatten(layers: Sequence[ImageLayer], target: Path) -> Path:
    """Write what layers come to into one archive: owners, modes and times as they are, devices left out.

    Raises:
        BuildError: a layer cannot be read, or names something outside the root.
    """
    kept = _survey(layers)
    wanted = {(place.layer, place.number) for place in kept.values()}
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for number, layer in enumerate(layers):
            own = {name for name, place in kept.items() if place.layer == number}
            lost: dict[str, bytes | None] = dict.fromkeys(_linked(layer) - own)
            for index, (name, member, source) in enumerate(_members(layer)):
                data: IO[bytes] | None = source.extractfile(member) if member.isreg() else None
                if data and name in lost:
                    lost[name] = content = data.read()
                    data = BytesIO(content)
                if (number, index) in wanted:
                    _add(archive, _named(member, name), data, lost)
    return target


def _add(
    archive: tarfile.TarFile, told: tarfile.TarInfo, data: IO[bytes] | None, lost: Mapping[str, bytes | None]
) -> None:
    """Add a member; a hard link whose target is hidden, or another file by now, has content of its own."""
    linked = posixpath.normpath(told.linkname).removeprefix("./")
    if told.islnk() and linked in lost:
        content = lost[linked]
        if content is None:
            raise BuildError([Problem(f"'{told.name}' is a hard link to '{linked}', which is not there")])
        told.type, told.linkname, told.size, data = tarfile.REGTYPE, "", len(content), BytesIO(content)
    archive.addfile(told, data)


def _survey(layers: Sequence[ImageLayer]) -> dict[str, _Place]:
    """Return where the last word on each path stands, what upper layers hide being gone."""
    kept: dict[str, _Place] = {}
    for number, layer in enumerate(layers):
        for index, (name, member, _) in enumerate(_members(layer)):
            parent, _, base = name.rpartition("/")
            if base == OPAQUE:
                _hide(kept, parent, below=number)
            elif base.startswith(WHITEOUT):
                hidden = posixpath.join(parent, base.removeprefix(WHITEOUT))
                kept.pop(hidden, None)
                _hide(kept, hidden, below=number)
            elif member.isdir() or member.isreg() or member.issym() or member.islnk():
                before = kept.get(name)
                if before and before.is_folder and not member.isdir():
                    _hide(kept, name, below=number)
                kept[name] = _Place(number, index, member.isdir())
    return kept


def _hide(kept: dict[str, _Place], folder: str, *, below: int) -> None:
    """Take away what lower layers have in a folder."""
    inside = [name for name, place in kept.items() if name.startswith(f"{folder}/") and place.layer < below]
    for name in inside:
        del kept[name]


def _members(layer: ImageLayer) -> Iterator[tuple[str, tarfile.TarInfo, tarfile.TarFile]]:
    with layer.open() as archive:
        try:
            for member in archive:
                name = posixpath.normpath(member.name).removeprefix("./")
                if name.startswith("/") or ".." in PurePosixPath(name).parts:
                    raise BuildError([Problem(f"'{member.name}' leads out of the image's root")])
                if name != ".":
                    yield name, member, archive
        except (tarfile.TarError, EOFError, OSError) as error:
            raise BuildError([Problem(f"layer {layer.digest}: cannot be read: {error}")]) from error


def _linked(layer: ImageLayer) -> set[str]:
    """Return what hard links of a layer link to."""
    return {
        posixpath.normpath(member.linkname).removeprefix("./")
        for _, member, _ in _members(layer)
        if member.islnk()
    }


def _named(member: tarfile.TarInfo, name: str) -> tarfile.TarInfo:
    told = tarfile.TarInfo(name)
    told.type, told.mode, told.mtime = member.type, member.mode, member.mtime
    told.linkname = (
        posixpath.normpath(member.linkname).removeprefix("./") if member.islnk() else member.linkname
    )
    told.uid, told.gid, told.size = member.uid, member.gid, member.size
    return told
