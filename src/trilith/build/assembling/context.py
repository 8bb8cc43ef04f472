"""Lays out what a build in containers needs, beside its Dockerfiles: nothing of it is fetched."""

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from trilith.build.assembling.offline import environment_of, lay_out
from trilith.build.files.bundled import BUNDLE, DEBIAN, IMAGES, SOURCES, Bundled, Standing
from trilith.build.files.common import BUILDS, RUNS, image_name
from trilith.build.image.bases import debian_base
from trilith.build.image.content import system_entries
from trilith.build.image.debian import control
from trilith.build.image.entries import with_parents
from trilith.build.image.flattening import flatten
from trilith.build.image.layers import write_archive
from trilith.build.image.reading import ImageLayer
from trilith.build.locking.model import Lock, LockedDebian, LockedImage
from trilith.build.locking.roots import PACKAGES
from trilith.build.model import Plan
from trilith.build.problems import BuildError, Problem
from trilith.build.store import Store
from trilith.build.unpacking import unpack_wheel_tools


def lay_out_context(plan: Plan, lock: Lock, store: Store, folder: Path) -> Bundled:
    """Lay out a store for a build in containers.

    Raises:
        BuildError: something is missing, changed, or in no lock.
    """
    if plan.platform.text == "rhel":
        hint = "build without --from, with mirrors, or with --no-container-build"
        raise BuildError([Problem("packages of the platform rhel are in no bundle", suggestion=hint)])
    place = lay_out(lock, store, folder / "bundle", Path(BUNDLE))
    if plan.catalogue.head.builder == "wheel":
        unpack_wheel_tools(place.tools, folder / "bundle" / "tools")
    _packages(lock.debian, store, folder / DEBIAN)
    for old in (folder / IMAGES).glob("*"):
        old.unlink()
    variables = environment_of(lock, Path(BUNDLE))
    return Bundled(
        _stand(plan, lock, store, (folder, BUILDS)), _stand(plan, lock, store, (folder, RUNS)), variables
    )


def _stand(plan: Plan, lock: Lock, store: Store, where: tuple[Path, str]) -> Standing:
    """Return what the image of a build or of a result stands on, its root laid out."""
    folder, what = where
    name = image_name(plan, what)
    image = next((item for item in lock.image if item.name == name), None)
    if image is None:
        raise BuildError([Problem("stands in no lock", field=f"image {name}", suggestion="lock again")])
    uses = ("run",) if what == RUNS else ("run", "build")
    packages = [item for item in lock.debian if item.use in uses]
    if image.reference == PACKAGES:
        archive = f"{IMAGES}/{name}-{what}-packages.tar"
        _root_of_packages(plan, packages, (folder, archive), lock.source_date_epoch, runs=what == RUNS)
        return Standing(archive=archive, unpacked=True)
    if image.layers:
        archive = f"{IMAGES}/{name}.tar"
        if not (folder / archive).is_file():
            _flatten(image, store, folder / archive)
        return Standing(archive=archive, environment=image.environment, packages=bool(packages))
    if not image.digest:
        hint = f"lock it with --base={name}=FOLDER, oci:FOLDER or packages, or with a rule under [containers]"
        message = (
            f"nobody knows the digest of {image.reference}, so that a build from a bundle cannot have it"
        )
        raise BuildError([Problem(message, field=f"image {name}", suggestion=hint)])
    return Standing(image=_by_digest(image), packages=bool(packages))


def _by_digest(image: LockedImage) -> str:
    """Return a reference that names one image for good; not every engine takes a tag besides."""
    plain = image.reference.partition("@")[0]
    path, colon, tag = plain.rpartition(":")
    return f"{path if colon and '/' not in tag else plain}@{image.digest}"


def _flatten(image: LockedImage, store: Store, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    for sha256 in image.layers:
        store.check(sha256, f"image {image.name}: a layer")
    flatten([_layer(store.blob(sha256)) for sha256 in image.layers], target)


def _layer(path: Path) -> ImageLayer:
    return ImageLayer(f"sha256:{path.name}", "", lambda: path.open("rb"))


def _root_of_packages(
    plan: Plan, packages: Sequence[LockedDebian], where: tuple[Path, str], epoch: int, *, runs: bool
) -> None:
    """Write the root that packages make; what runs has its user too, since nothing in it makes one."""
    folder, archive = where
    if not packages:
        raise BuildError([Problem("no packages are locked to stand on", suggestion="lock again")])
    base = debian_base(folder / DEBIAN / file_name(item) for item in packages)
    target = folder / archive
    target.parent.mkdir(parents=True, exist_ok=True)
    besides = system_entries(plan.catalogue.head.user, base) if runs else []
    write_archive(with_parents([*base.entries, *besides]), target, epoch)


def _packages(packages: Iterable[LockedDebian], store: Store, folder: Path) -> None:
    """Lay out packages with an index of them, as a repository that apt takes from a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stanzas = []
    for item in packages:
        name = file_name(item)
        path = store.take(item.sha256, f"package {item.name} {item.version}", folder / name)
        data = path.read_bytes()
        about = [
            control(path).strip(),
            f"Filename: ./{name}",
            f"Size: {len(data)}",
            f"SHA256: {hashlib.sha256(data).hexdigest()}",
        ]
        stanzas.append("\n".join(about) + "\n")
    (folder / "Packages").write_text("\n".join(stanzas), encoding="utf-8")
    # Every package was held against the lock when it was laid out: that is the trust here.
    (folder / SOURCES).write_text(f"deb [trusted=yes] file:/{DEBIAN} ./\n", encoding="ascii")


def file_name(item: LockedDebian) -> str:
    """Return the name of a package's file, as repositories write it."""
    return f"{item.name}_{item.version.replace(':', '%3a')}_{item.architecture}.deb"
