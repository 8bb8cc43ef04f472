"""Images onto disk: an OCI layout, or an archive for ``docker load``."""

import hashlib
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from gzip import GzipFile
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

from trilith.build.image.content import Assembled
from trilith.build.image.layers import Layer
from trilith.build.image.reading import INDEX, MARKER
from trilith.build.problems import BuildError, Problem
from trilith.build.store import system_problem

OCI, DOCKER = "oci", "docker-archive"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_CHUNK = 1 << 20
_LONGEST_TAG = 128


@dataclass(frozen=True)
class Destination:
    """Where an image goes."""

    kind: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> "Destination":
        """Read ``oci:DIR`` or ``docker-archive:FILE``.

        Raises:
            BuildError: it is neither.
        """
        kind, colon, path = text.partition(":")
        if kind not in (OCI, DOCKER) or not colon or not path:
            hint = f"write {OCI}:FOLDER or {DOCKER}:FILE"
            raise BuildError([Problem(f"--output={text}: it is not known what to write", suggestion=hint)])
        return cls(kind, Path(path))

    def refuse_others(self) -> None:
        """See that nothing is lost: an older image may be replaced, anything else may not.

        Raises:
            BuildError: something else lies there.
        """
        target = self.path
        if self.kind == DOCKER:
            if target.is_dir():
                raise BuildError([Problem("is a folder", str(target), suggestion="name a file")])
        elif target.exists() and not (target / MARKER).is_file() and not _empty(target):
            hint = "name another folder"
            raise BuildError([Problem("is there already and is no image", str(target), suggestion=hint)])


def write(destination: Destination, assemble: Callable[[Path], Assembled]) -> str:
    """Write an image; its digest. It appears under its name when it is whole.

    Args:
        destination: where to.
        assemble: writes layers into the folder of blobs it is given.

    Raises:
        BuildError: something else lies there already, or it cannot be written.
    """
    target = destination.path
    destination.refuse_others()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".image-", dir=target.parent) as temporary:
            layout = Path(temporary) / "layout"
            blobs = layout / "blobs" / "sha256"
            blobs.mkdir(parents=True)
            image = assemble(blobs)
            digest = _layout(image, layout, blobs)
            if destination.kind == OCI:
                if target.exists():
                    shutil.rmtree(target)
                layout.rename(target)
            else:
                archive = Path(temporary) / "archive"
                _archive(image, archive)
                archive.replace(target)
    except OSError as error:
        raise BuildError([system_problem(error, target)]) from error
    return digest


def tag_of(version: str) -> str:
    """Return a version as a tag: what engines refuse in tags, such as ``+``, becomes ``_``."""
    return re.sub(r"[^\w.-]", "_", version, flags=re.ASCII).lstrip(".-")[:_LONGEST_TAG] or "latest"


def _empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _layout(image: Assembled, layout: Path, blobs: Path) -> str:
    config = _store(blobs, image.config)
    manifest = _store(
        blobs,
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, **config},
            "layers": [
                {"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}
                for layer in image.layers
            ],
        },
    )
    platform = {"architecture": image.config["architecture"], "os": image.config["os"]}
    described = {
        "mediaType": _MANIFEST,
        **manifest,
        "platform": platform,
        "annotations": {"org.opencontainers.image.ref.name": tag_of(image.version)},
    }
    _dump(layout / INDEX, {"schemaVersion": 2, "manifests": [described]})
    _dump(layout / MARKER, {"imageLayoutVersion": "1.0.0"})
    return str(manifest["digest"])


def _archive(image: Assembled, path: Path) -> None:
    """Write what ``docker load`` reads: layers unpacked, named by what is in them.

    It is the image specification 1.2 without what it keeps for Docker before 1.10 (``repositories``, and
    ``json`` and ``VERSION`` beside each layer): where there is a ``manifest.json``, nobody reads those.
    """
    config = _text(image.config)
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    names = [f"{layer.diff_id.removeprefix('sha256:')}/layer.tar" for layer in image.layers]
    described = [{"Config": name, "RepoTags": [f"{image.name}:{tag_of(image.version)}"], "Layers": names}]
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for layer, member in dict(zip(image.layers, names, strict=True)).items():
            _add_layer(archive, layer, member)
        _add(archive, name, config)
        _add(archive, "manifest.json", _text(described))


def _add_layer(archive: tarfile.TarFile, layer: Layer, name: str) -> None:
    with layer.file.open("rb") as file, tempfile.TemporaryFile(dir=layer.file.parent) as plain:
        source: IO[bytes] = file
        if layer.media_type.endswith("+gzip"):
            source = cast("IO[bytes]", GzipFile(fileobj=file))
        elif layer.media_type.endswith("+zstd"):
            import zstandard  # noqa: PLC0415  few images are packed so

            source = zstandard.ZstdDecompressor().stream_reader(file)
        shutil.copyfileobj(source, plain, _CHUNK)
        info = _info(name, plain.tell())
        plain.seek(0)
        archive.addfile(info, plain)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    archive.addfile(_info(name, len(data)), BytesIO(data))


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o644, 0
    return info


def _store(blobs: Path, document: Any) -> dict[str, Any]:
    data = _text(document)
    name = hashlib.sha256(data).hexdigest()
    (blobs / name).write_bytes(data)
    return {"digest": f"sha256:{name}", "size": len(data)}


def _dump(path: Path, document: Any) -> None:
    path.write_bytes(_text(document))


def _text(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
