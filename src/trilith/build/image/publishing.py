"""From a result to an image: how it is run follows from its plan and its catalogue."""

import os
from collections.abc import Callable
from pathlib import Path

from trilith.build.image.bases import Base, debian_base, folder_base, image_base
from trilith.build.image.content import MODELS, Content, Settings, assemble
from trilith.build.image.reading import INDEX
from trilith.build.image.writing import Destination, write
from trilith.build.problems import BuildError, Problem
from trilith.build.verifying.subject import Subject

PACKAGES = "packages:"
EPOCH = "SOURCE_DATE_EPOCH"


def publish(subject: Subject, destination: Destination, base: Base | None) -> str:
    """Write an image of a result; its digest.

    Raises:
        BuildError: it cannot be, or cannot be written.
    """
    settings = settings_of(subject)
    if base and base.machine and base.machine != settings.machine:
        message = f"the base is for {base.machine}, the result for {settings.machine}"
        raise BuildError([Problem(message, suggestion="name a base for the same machine")])
    content = Content(subject.root, subject.manifest)
    return write(destination, lambda blobs: assemble(content, settings, base, blobs))


def settings_of(subject: Subject) -> Settings:
    """Return how the image of a result is run."""
    head = subject.catalogue.head
    doors = [door for door in subject.catalogue.doors if door.endpoint in subject.parts]
    version = subject.manifest.version or head.version
    labels = {
        "org.opencontainers.image.title": head.image_name,
        "org.opencontainers.image.version": version,
        "dev.trilith.build.plan": subject.manifest.plan,
        "dev.trilith.build.lock": subject.manifest.lock,
        "dev.trilith.build.bricks": " ".join(sorted(subject.parts)),
    }
    environment = {
        name: text.replace("{root}", head.root)
        for name, text in subject.catalogue.serving.environment.items()
    }
    return Settings(
        name=head.image_name or head.name,
        version=version,
        root=head.root,
        user=head.user,
        command=tuple(word.replace("/models", f"/{MODELS}") for word in head.command),
        machine=subject.machine,
        epoch=epoch_of(subject),
        health=_health(subject),
        ports=tuple(door.port for door in doors),
        environment=environment,
        labels={name: value for name, value in labels.items() if value},
    )


def epoch_of(subject: Subject) -> int:
    """Return the time of everything in an image: of the environment, of the result, or the first of all."""
    text = os.environ.get(EPOCH, "")
    if text and not text.isdecimal():
        raise BuildError([Problem(f"{EPOCH}={text}: expected whole seconds since 1970")])
    return int(text) if text else subject.manifest.source_date_epoch


def open_base(text: str, store: Callable[[], list[Path]] | None = None) -> Base | None:
    """Open what an image will stand on.

    Args:
        text: ``packages`` for the locked Debian packages, ``packages:FOLDER`` for others, ``none``, a root
            folder, an OCI layout or an archive for ``docker load``.
        store: returns the locked packages.

    Raises:
        BuildError: it is none of these.
    """
    if text == "none":
        return None
    if text == PACKAGES.rstrip(":"):
        return debian_base(store() if store else ())
    if text.startswith(PACKAGES):
        folder = Path(text.removeprefix(PACKAGES))
        found = sorted(folder.glob("*.deb"))
        if not found:
            raise BuildError(
                [Problem("holds no Debian packages", str(folder), suggestion="expected files *.deb")]
            )
        return debian_base(found)
    kind, colon, rest = text.partition(":")
    path = Path(rest if colon and kind in ("oci", "docker-archive") else text)
    if path.is_dir() and not (path / INDEX).is_file():
        return folder_base(path)
    return image_base(path)


def _health(subject: Subject) -> tuple[str, ...]:
    catalogue = subject.catalogue
    door = next((one for one in catalogue.doors if one.protocol == "kserve-http"), None)
    if door is None or door.endpoint not in subject.parts:
        return ()
    address = f"http://127.0.0.1:{door.port}{catalogue.head.health}"
    return tuple(word.replace("{address}", address) for word in catalogue.serving.health)
