"""The smaller server: as a folder, or as an image whose layers are the same where nothing was cut."""

import copy
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from trilith.build.compose.cutting import Cut
from trilith.build.compose.metadata import rewritten
from trilith.build.image.content import Assembled
from trilith.build.image.entries import Entry, Kind, file, with_parents
from trilith.build.image.layers import Layer, write_layer
from trilith.build.image.publishing import epoch_of, publish
from trilith.build.image.reading import Image, ImageLayer, copy_layer
from trilith.build.image.writing import Destination, write
from trilith.build.problems import BuildError, Problem
from trilith.build.store import system_problem
from trilith.build.verifying.subject import Subject, open_subject

CHANGED = "what the smaller server says of itself"


def compose(subject: Subject, made: Cut, output: str) -> str:
    """Write the smaller server; where it is.

    Args:
        subject: the larger one.
        made: what stays.
        output: a folder, ``oci:FOLDER`` or ``docker-archive:FILE``.

    Raises:
        BuildError: something lies there already, or it cannot be written.
    """
    kind = output.partition(":")[0]
    if kind not in ("oci", "docker-archive"):
        return str(_folder(subject, made, Path(output)))
    destination = Destination.parse(output)
    if subject.image is not None:
        return write(destination, lambda blobs: _image(subject, made, blobs))
    with tempfile.TemporaryDirectory(prefix="trilith-compose-") as temporary:
        small = _folder(subject, made, Path(temporary) / "result")
        with open_subject(small, catalogue=subject.catalogue.file or subject.catalogue.head.name) as smaller:
            return publish(smaller, destination, None)


def _folder(subject: Subject, made: Cut, target: Path) -> Path:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BuildError([Problem("is there already", str(target), suggestion="name another folder")])
    target.parent.mkdir(parents=True, exist_ok=True)
    changed = rewritten(subject, made)
    partial = Path(tempfile.mkdtemp(prefix=".compose-", dir=target.parent))
    try:
        for told in made.kept:
            place = partial / told.path
            place.parent.mkdir(parents=True, exist_ok=True)
            if told.path in changed:
                place.write_bytes(changed[told.path])
                shutil.copymode(subject.root / told.path, place)
            else:
                shutil.copy2(subject.root / told.path, place, follow_symlinks=False)
        for path in changed:
            if not (partial / path).exists():
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                (partial / path).write_bytes(changed[path])
        partial.chmod(0o755)
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        raise BuildError([system_problem(error, target)]) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _image(subject: Subject, made: Cut, blobs: Path) -> Assembled:
    image = subject.image
    if image is None:
        raise BuildError([Problem("is no image", str(subject.place))])
    root = subject.inside(subject.root).strip("/")
    gone = {f"{root}/{told.path}".lstrip("/") for told in made.gone}
    epoch = epoch_of(subject)
    layers = [_layer(layer, gone, blobs, epoch) for layer in image.layers]
    kept = [layer for layer in layers if layer is not None]
    changed = [file(f"{root}/{path}".lstrip("/"), data) for path, data in rewritten(subject, made).items()]
    kept.append(write_layer(with_parents(changed, root), blobs, epoch, CHANGED))
    config = _config(image, kept, made)
    return Assembled(config, tuple(kept), subject.catalogue.head.image_name, subject.manifest.version)


def _layer(layer: ImageLayer, gone: set[str], blobs: Path, epoch: int) -> Layer | None:
    """Return a layer without what goes: the same bytes if it holds nothing of that, none if nothing stays."""
    with layer.open() as archive:
        names = [(PurePosixPath(member.name).as_posix(), member.isdir()) for member in archive]
    if not any(name in gone for name, _ in names):
        return copy_layer(layer, blobs)
    if all(name in gone or folder for name, folder in names):
        return None
    with tempfile.TemporaryDirectory(prefix=".layer-", dir=blobs) as temporary:
        entries = list(_filtered(layer, gone, Path(temporary)))
        return write_layer(entries, blobs, epoch, layer.title or layer.diff_id)


def _filtered(layer: ImageLayer, gone: set[str], scratch: Path) -> Iterator[Entry]:
    kinds = {tarfile.DIRTYPE: Kind.FOLDER, tarfile.SYMTYPE: Kind.LINK, tarfile.LNKTYPE: Kind.HARD_LINK}
    with layer.open() as archive:
        for number, member in enumerate(archive):
            name = PurePosixPath(member.name).as_posix()
            if name in gone or name == ".":
                continue
            content: Path | bytes = b""
            source = archive.extractfile(member) if member.isreg() else None
            if source:
                content = scratch / str(number)
                with content.open("wb") as target:
                    shutil.copyfileobj(source, target)
            elif member.type not in kinds and not member.isreg():
                continue
            target_name = PurePosixPath(member.linkname).as_posix() if member.islnk() else member.linkname
            kind = kinds.get(member.type, Kind.FILE)
            yield Entry(name, kind, member.mode, content, target_name, member.uid, member.gid)


def _config(image: Image, layers: list[Layer], made: Cut) -> Mapping[str, Any]:
    config = copy.deepcopy(dict(image.config))
    config["rootfs"] = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    created = config.get("created", "1970-01-01T00:00:00Z")
    config["history"] = [{"created": created, "created_by": layer.title or "base image"} for layer in layers]
    run = config.setdefault("config", {})
    labels = dict(run.get("Labels") or {})
    labels["dev.trilith.build.bricks"] = " ".join(sorted(made.bricks))
    labels["dev.trilith.build.cut"] = " ".join(made.dropped)
    run["Labels"] = labels
    return config
