"""Fetches the layers of base images."""

from trilith.build.locking.model import LockedImage
from trilith.build.locking.roots import FOLDER, IMAGE
from trilith.build.mirrors import Mirrors
from trilith.build.problems import BuildError, Problem
from trilith.build.registries import registry_of
from trilith.build.secrets import redact
from trilith.build.store import Store, disk_problem


def fetch_layers(image: LockedImage, store: Store, mirrors: Mirrors) -> None:
    """Bring the layers of an image into the store.

    Raises:
        BuildError: they cannot be had, or are others.
    """
    name = f"image {image.name}"
    for sha256 in image.layers:
        if store.blob(sha256).is_file():
            continue
        if image.reference in (FOLDER, IMAGE):
            hint = "fetch where it was locked, with the store that it was locked into"
            raise BuildError(
                [Problem("lies on the machine where it was locked", field=name, suggestion=hint)]
            )
        registry = registry_of(image.reference, mirrors)
        if registry is None:
            hint = "a rule under [containers] in mirrors.toml says which registry has it"
            raise BuildError([Problem(f"{image.reference} holds no registry", field=name, suggestion=hint)])
        with store.claim(sha256), store.scratch() as scratch:
            try:
                registry.download(sha256, scratch / "layer")
            except (OSError, ValueError, KeyError) as error:
                told = f"layer {sha256}: {redact(str(error))}"
                problem = disk_problem(error, store.root, name) if isinstance(error, OSError) else None
                hint = "run it again; a rule under [containers] names another registry"
                raise BuildError([problem or Problem(told, field=name, suggestion=hint)]) from error
            store.put(scratch / "layer", sha256, name)
