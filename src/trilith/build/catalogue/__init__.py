"""Catalogues: what can be built, as data.

Two ship with the builder. ``trilith`` is this server: its frame stands in ``trilith.toml`` and its components
are the bricks that are installed, each read from its manifest. ``triton`` is the upstream server. A third is
a file.
"""

from pathlib import Path

from trilith.build.catalogue.reading import read
from trilith.build.catalogue.schema import (
    Argument,
    Catalogue,
    Checked,
    Component,
    Copy,
    Head,
    Image,
    Option,
    Packages,
    Rule,
    Setting,
    ThirdParty,
)
from trilith.build.problems import BuildError, Problem
from trilith.build.spelling import suggest

__all__ = [
    "Argument",
    "Catalogue",
    "Checked",
    "Component",
    "Copy",
    "Head",
    "Image",
    "Option",
    "Packages",
    "Rule",
    "Setting",
    "ThirdParty",
    "load",
    "names",
]

FOLDER = Path(__file__).parent
OWN = "trilith"
"""The catalogue that is derived from manifests, and the default."""


def names() -> list[str]:
    """Return the catalogues that ship."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str = OWN) -> Catalogue:
    """Load a catalogue by its name, or from a file.

    Raises:
        BuildError: there is none, or it cannot be one; all problems are named.
    """
    if name == OWN:
        from trilith.build.catalogue.bricks import derive  # noqa: PLC0415  looks for installed bricks

        return derive(FOLDER / f"{OWN}.toml")
    if name in names():
        return read(FOLDER / f"{name}.toml")
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        return read(path)
    raise BuildError(
        [
            Problem(
                f"there is no catalogue '{name}'",
                suggestion=suggest(name, names()) or f"there are {', '.join(names())}, or a file NAME.toml",
            )
        ]
    )
