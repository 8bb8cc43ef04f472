"""Images as they lie on disk: OCI layouts, and archives as ``docker save`` writes them."""

import gzip
import hashlib
import json
import tarfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

from trilith.build.image.layers import Layer
from trilith.build.problems import BuildError, Problem

INDEX = "index.json"
MARKER = "oci-layout"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_AGAIN = "copy or export it again: what is here is not whole"
# Descriptions in an image are small; whatever is larger is none.
MAX_DOCUMENT = 8 << 20
# An index may hold indexes; nobody nests them deeper.
MAX_NESTING = 4
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class ImageLayer:
    """A layer of an image."""

    digest: str
    """``sha256:`` of the bytes as they lie; empty where the image does not say."""
    diff_id: str
    raw: Callable[[], IO[bytes]]
    """Opens the bytes as they lie."""
    title: str = ""

    def open(self) -> tarfile.TarFile:
        """Open its archive, to be read from front to back.

        Raises:
            BuildError: it cannot be unpacked.
        """
        file = self.raw()
        beginning = file.read(4)
        file.seek(0)
        try:
            if beginning.startswith(_GZIP):
                return tarfile.open(fileobj=cast("IO[bytes]", gzip.GzipFile(fileobj=file)), mode="r|")
            if beginning == _ZSTD:
                import zstandard  # noqa: PLC0415  few images are packed so

                return tarfile.open(fileobj=zstandard.ZstdDecompressor().stream_reader(file), mode="r|")
            return tarfile.open(fileobj=file, mode="r|")
        except (tarfile.TarError, OSError, EOFError) as error:
            told = f"layer {self.digest or self.diff_id}: {error}"
            raise BuildError([Problem(told, suggestion=_AGAIN)]) from error


@dataclass(frozen=True)
class Image:
    """An image: how it is run, and its layers from the lowest up."""

    place: Path
    config: Mapping[str, Any]
    layers: tuple[ImageLayer, ...]
    digest: str = ""

    @property
    def machine(self) -> str:
        """What it is for, as catalogues call it."""
        name = str(self.config.get("architecture", ""))
        return _MACHINES.get(name, name)

    @property
    def settings(self) -> Mapping[str, Any]:
        """How it is run."""
        return self.config.get("config") or {}


def is_image(path: Path) -> bool:
    """Say whether something looks like an image: a layout, or a file."""
    return (path / MARKER).is_file() or (path / INDEX).is_file() or path.is_file()


def open_image(path: Path) -> Image:
    """Open an image; a prefix ``oci:`` or ``docker-archive:`` is none of its path.

    Raises:
        BuildError: it is none, or a part of it is not what its hash says.
    """
    try:
        return _layout(path) if path.is_dir() else _archive(path)
    except BuildError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, tarfile.TarError) as error:
        expected = "expected a result, an OCI layout or an archive for docker load"
        told = {KeyError: f"it names no {error}", tarfile.ReadError: "it is no archive"}
        reason = told.get(type(error), str(error) or type(error).__name__)
        raise BuildError(
            [Problem(f"cannot be read as an image: {reason}", str(path), suggestion=expected)]
        ) from error


def copy_layer(layer: ImageLayer, blobs: Path) -> Layer:
    """Copy a layer as it is into a folder of blobs.

    Raises:
        BuildError: its bytes are not what its hash says.
    """
    total, size = hashlib.sha256(), 0
    partial = blobs / f".{hashlib.sha256(layer.diff_id.encode()).hexdigest()}.partial"
    with layer.raw() as source, partial.open("wb") as target:
        beginning = source.read(4)
        source.seek(0)
        while chunk := source.read(_CHUNK):
            total.update(chunk)
            size += len(chunk)
            target.write(chunk)
    digest = f"sha256:{total.hexdigest()}"
    if layer.digest and digest != layer.digest:
        partial.unlink()
        raise BuildError(
            [Problem(f"a layer has hash {digest}", field=layer.digest, suggestion="fetch it again")]
        )
    partial.replace(blobs / total.hexdigest())
    kind = "+gzip" if beginning.startswith(_GZIP) else "+zstd" if beginning == _ZSTD else ""
    media = f"application/vnd.oci.image.layer.v1.tar{kind}"
    return Layer(blobs / total.hexdigest(), digest, layer.diff_id, size, layer.title, media)


def _layout(path: Path) -> Image:
    if not (path / INDEX).is_file():
        hint = "an OCI layout is a folder with index.json and blobs"
        raise BuildError([Problem("is no image", str(path), suggestion=hint)])
    document = json.loads(_small((path / INDEX).read_bytes(), path))
    for _ in range(MAX_NESTING):
        choices = document["manifests"]
        if not choices:
            raise BuildError([Problem("holds no image", str(path), suggestion=_AGAIN)])
        chosen = choices[0]
        document = json.loads(_small(_blob(path, chosen["digest"]), path))
        if "layers" in document:
            config = json.loads(_small(_blob(path, document["config"]["digest"]), path))
            layers = zip(document["layers"], config["rootfs"]["diff_ids"], _titles(config), strict=False)
            return Image(
                path,
                config,
                tuple(
                    ImageLayer(layer["digest"], diff_id, _opener(_blob_path(path, layer["digest"])), title)
                    for layer, diff_id, title in layers
                ),
                chosen["digest"],
            )
    raise BuildError([Problem("its index leads to no image", str(path), suggestion=_AGAIN)])


def _archive(path: Path) -> Image:
    if not path.is_file():
        hint = "name an OCI layout, or an archive as 'docker save' writes it"
        raise BuildError([Problem("there is nothing here", str(path), suggestion=hint)])
    with tarfile.open(path) as archive:
        members = {member.name: member for member in archive.getmembers() if member.isfile()}

        def content(name: str) -> bytes:
            file = archive.extractfile(members[name])
            return _small(file.read(MAX_DOCUMENT + 1) if file else b"", path)

        if "manifest.json" not in members:
            hint = "name an archive as 'docker save' writes it"
            raise BuildError(
                [Problem("holds no manifest.json, so that it is no image", str(path), suggestion=hint)]
            )
        described = json.loads(content("manifest.json"))[0]
        config = json.loads(content(described["Config"]))
    layers = zip(described["Layers"], config["rootfs"]["diff_ids"], _titles(config), strict=False)
    return Image(
        path,
        config,
        tuple(ImageLayer("", diff_id, _slice(path, members[name]), title) for name, diff_id, title in layers),
    )


def _titles(config: Mapping[str, Any]) -> list[str]:
    history = [entry for entry in config.get("history") or () if not entry.get("empty_layer")]
    count = len(config["rootfs"]["diff_ids"])
    return [str(entry.get("created_by", "")) for entry in history] + [""] * max(0, count - len(history))


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _slice(path: Path, member: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        archive = tarfile.open(path)  # noqa: SIM115  the file that is returned keeps it open
        return archive.extractfile(member) or BytesIO()

    return opened


def _blob_path(path: Path, digest: str) -> Path:
    kind, _, name = digest.partition(":")
    if kind != "sha256" or not (len(name) == hashlib.sha256().digest_size * 2 and name.isalnum()):
        raise BuildError([Problem(f"'{digest}' is no hash of the kind sha256", str(path))])
    return path / "blobs" / kind / name


def _blob(path: Path, digest: str) -> bytes:
    file = _blob_path(path, digest)
    with suppress(FileNotFoundError):
        data = _small(file.read_bytes(), file)
        if hashlib.sha256(data).hexdigest() != digest.partition(":")[2]:
            raise BuildError([Problem("is not what its hash says", str(file), suggestion="fetch it again")])
        return data
    raise BuildError([Problem("is missing", str(file), suggestion="fetch the image again")])


def _small(data: bytes, path: Path) -> bytes:
    if len(data) > MAX_DOCUMENT:
        raise BuildError([Problem(f"a description in it is larger than {MAX_DOCUMENT >> 20} MiB", str(path))])
    return data
