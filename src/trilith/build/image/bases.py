"""What an image stands on: unpacked Debian packages, a root folder, another image, or nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from trilith.build.image.debian import unpack_all
from trilith.build.image.entries import Entry, of_folder, with_parents
from trilith.build.image.layers import Layer, write_layer
from trilith.build.image.reading import Image, copy_layer, open_image
from trilith.build.image.unpacking import read_file
from trilith.build.problems import BuildError, Problem


@dataclass(frozen=True)
class Base:
    """Layers below those of the result."""

    layers: Callable[[Path, int], list[Layer]]
    """Writes them into a folder of blobs, with a time for everything."""
    text: Callable[[str], str]
    """Reads a file of it."""
    environment: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    machine: str = ""
    """Empty where it does not say."""
    entries: tuple[Entry, ...] = ()
    """What it is made of, where it is made here."""


def debian_base(packages: Iterable[Path]) -> Base:
    """Stand on Debian packages, unpacked without running them; one layer for all."""
    entries = unpack_all(sorted(packages, key=lambda path: path.name))
    return _of_entries(entries, "Debian packages")


def folder_base(root: Path) -> Base:
    """Stand on a root folder, such as debootstrap makes.

    Raises:
        BuildError: there is none.
    """
    if not (root / "usr").is_dir():
        raise BuildError(
            [
                Problem(
                    "is no root of a system: it has no usr",
                    str(root),
                    suggestion="name the folder that holds usr, etc and var, as debootstrap makes it",
                )
            ]
        )
    return _of_entries(list(of_folder(root)), "root folder")


def image_base(path: Path) -> Base:
    """Stand on an image; its layers are taken as they are, so that images share them."""
    image = open_image(path)

    def layers(blobs: Path, _epoch: int) -> list[Layer]:
        return [copy_layer(layer, blobs) for layer in image.layers]

    settings = image.config.get("config") or {}
    return Base(
        layers,
        lambda name: _text_of(image, name),
        tuple(settings.get("Env") or ()),
        dict(settings.get("Labels") or {}),
        image.machine,
    )


def _text_of(image: Image, name: str) -> str:
    return read_file(image, name).decode("utf-8", "replace")


def _of_entries(entries: list[Entry], title: str) -> Base:
    texts = {entry.path: entry.source for entry in entries}

    def text(name: str) -> str:
        source = texts.get(name, b"")
        data = source if isinstance(source, bytes) else source.read_bytes()
        return data.decode("utf-8", "replace")

    def layers(blobs: Path, epoch: int) -> list[Layer]:
        return [write_layer(with_parents(entries), blobs, epoch, title)]

    return Base(layers, text, entries=tuple(entries))
