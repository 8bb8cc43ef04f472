"""The catalogue of this server, from the manifests of the bricks that are there."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import trilith
from trilith.build.catalogue.reading import parse
from trilith.build.catalogue.schema import Catalogue, Component
from trilith.build.problems import BuildError, Problem

if TYPE_CHECKING:
    from trilith.contract import Manifest

MANIFEST = "brick.toml"
# What build.py and its flags call the kinds, where a manifest has another word.
KINDS = {"agent": "repoagent"}


def derive(frame: Path, package: Path | None = None) -> Catalogue:
    """Make the catalogue from its frame and the manifests.

    Args:
        frame: what holds whatever bricks there are: images, packages, presets.
        package: the package whose bricks are its own; others enter by their entry points.

    Raises:
        BuildError: the frame or a manifest cannot be read; all problems are named.
    """
    components = _own(package or Path(trilith.__file__).parent)
    if package is None:
        components |= {key: part for key, part in _installed().items() if key not in components}
    document = tomllib.loads(frame.read_text(encoding="utf-8"))
    document["catalogue"].setdefault("version", trilith.__version__)
    return parse(document, str(frame), components)


def _own(package: Path) -> dict[str, Component]:
    """Return the bricks of a package, whether they are installed or lie in a source tree."""
    from trilith.contract import ConfigurationError, Manifest  # noqa: PLC0415  brings NumPy

    found: dict[str, Component] = {}
    problems: list[Problem] = []
    for path in sorted(package.glob(f"bricks/*/*/{MANIFEST}")):
        try:
            part = _component(Manifest.read(path), path.parent.relative_to(package.parent).as_posix())
        except ConfigurationError as error:
            problems += [Problem(one.message, one.file, one.field) for one in error.problems]
        else:
            found[part.key] = part
    if problems:
        raise BuildError(problems)
    return found


def _installed() -> dict[str, Component]:
    """Return bricks of other packages."""
    from trilith.runtime.bricks import discover  # noqa: PLC0415  reads the metadata of what is installed

    parts = [_component(brick.manifest, "") for brick in discover().bricks]
    return {part.key: part for part in parts}


def _component(manifest: "Manifest", folder: str) -> Component:
    kind = KINDS.get(str(manifest.kind), str(manifest.kind))
    return Component(
        key=f"{kind}.{manifest.name}",
        description=manifest.description,
        build="wheel",
        requires=("core.server",),
        conflicts=tuple(manifest.conflicts),
        machines=(),
        gpu="required" if manifest.needs_gpu else "optional",
        debian_build=manifest.system_packages_build,
        debian_run=manifest.system_packages_run,
        python_requirements=manifest.python_requirements,
        python_requirements_gpu=manifest.python_requirements_gpu,
        native_features=manifest.native_features,
        folder=folder,
        size_megabytes=manifest.size_megabytes,
        size_megabytes_gpu=manifest.size_megabytes_gpu,
    )
