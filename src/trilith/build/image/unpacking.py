"""A root folder out of an image's layers; nothing is written outside it, whatever the layers say."""

import os
import shutil
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from trilith.build.binaries.tree import MAX_LINKS
from trilith.build.image.reading import Image
from trilith.build.problems import BuildError, Problem

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_CHUNK = 1 << 20


@dataclass
class Unpacked:
    """A root, and what could not be made without privileges."""

    root: Path
    left_out: list[str] = field(default_factory=list)


def unpack(image: Image, root: Path) -> Unpacked:
    """Unpack an image into an empty folder.

    Links are followed inside the root as after chroot; whiteouts take away what lower layers put there;
    devices are left out.

    Raises:
        BuildError: a layer names something outside the root, or cannot be read.
    """
    result = Unpacked(Path(os.path.realpath(root)))
    root.mkdir(parents=True, exist_ok=True)
    for layer in image.layers:
        with layer.open() as archive:
            try:
                _apply(archive, result)
            except (tarfile.TarError, EOFError, OSError) as error:
                raise BuildError(
                    [Problem(f"cannot be unpacked: {error}", str(image.place), layer.diff_id)]
                ) from error
    return result


def read_file(image: Image, name: str) -> bytes:
    """Return a file as the topmost layer that has it says; empty if none does. Links are not followed."""
    parents = {parent.as_posix() for parent in PurePosixPath(name).parents}
    gone = {
        (PurePosixPath(path).parent / f"{WHITEOUT}{PurePosixPath(path).name}").as_posix()
        for path in (name, *parents)
    }
    for layer in reversed(image.layers):
        hidden, found = False, None
        with layer.open() as archive:
            for member in archive:
                path = _clean(member.name)
                if path == name:
                    content = archive.extractfile(member) if member.isreg() else None
                    found = content.read() if content else b""
                hidden = (
                    hidden or path in gone or (path.endswith(OPAQUE) and path.rpartition("/")[0] in parents)
                )
        if found is not None:
            return found
        if hidden:
            return b""
    return b""


def make_place(root: Path, name: str) -> Path:
    """Return where a member goes, its folder made; links in its way are followed inside the root.

    Raises:
        BuildError: the name leads out of the root.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise BuildError(
            [Problem(f"'{name}' leads out of the image's root", suggestion="do not trust this image")]
        )
    return _walk(root, path.parent) / path.name if path.name else root


def _apply(archive: tarfile.TarFile, result: Unpacked) -> None:
    """Apply a layer. An opaque folder hides what lower layers have in it, wherever its mark stands."""
    own: set[str] = set()
    for member in archive:
        name = _clean(member.name)
        base = PurePosixPath(name).name
        if name in ("", "."):
            continue
        place = make_place(result.root, name)
        if base == OPAQUE:
            _hide(place.parent, own, result.root)
        elif base.startswith(WHITEOUT):
            _remove(place.with_name(base.removeprefix(WHITEOUT)))
        else:
            own.add(place.relative_to(result.root).as_posix())
            _make(archive, member, place, result)


def _make(archive: tarfile.TarFile, member: tarfile.TarInfo, place: Path, result: Unpacked) -> None:
    if member.isdir():
        if not place.is_dir() or place.is_symlink():
            _remove(place)
            place.mkdir()
        place.chmod((member.mode | 0o700) & 0o1777)
        return
    _remove(place)
    if member.issym():
        place.symlink_to(member.linkname)
    elif member.islnk():
        target = make_place(result.root, _clean(member.linkname))
        if not os.path.lexists(target):
            raise BuildError(
                [Problem(f"'{member.name}' is a hard link to '{member.linkname}', which is not there")]
            )
        os.link(target, place, follow_symlinks=False)
    elif member.isreg():
        content = archive.extractfile(member)
        with place.open("xb") as file:
            if content:
                shutil.copyfileobj(content, file, _CHUNK)
        place.chmod((member.mode | 0o600) & 0o777)
    else:
        result.left_out.append(member.name)


def _walk(root: Path, folder: PurePosixPath) -> Path:
    """Return a folder of the root, made where it is missing."""
    todo = list(reversed(folder.parts))
    place, links = root, 0
    while todo:
        part = todo.pop()
        if part in ("/", "."):
            continue
        if part == "..":
            place = place if place == root else place.parent
            continue
        following = place / part
        if following.is_symlink():
            links += 1
            if links > MAX_LINKS:
                raise BuildError([Problem(f"'{folder}' goes through links without an end")])
            target = PurePosixPath(following.readlink())
            place = root if target.is_absolute() else place
            todo += [piece for piece in reversed(target.parts) if piece != "/"]
            continue
        if not following.is_dir():
            _remove(following)
            following.mkdir()
        place = following
    return place


def _hide(folder: Path, own: set[str], root: Path) -> None:
    for item in list(folder.iterdir()):
        name = item.relative_to(root).as_posix()
        if not any(path == name or path.startswith(f"{name}/") for path in own):
            _remove(item)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _clean(name: str) -> str:
    """Return a member's name without the ``./`` that many archives begin with; ``..`` stays to be seen."""
    return name.removeprefix("./").rstrip("/") if name != "." else ""
