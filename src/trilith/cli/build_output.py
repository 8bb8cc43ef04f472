"""``trilith build --output=...``: what was built, written as an image at once."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trilith.build.image import Destination
from trilith.build.problems import BuildError, Problem

if TYPE_CHECKING:
    from trilith.build import Catalogue, Lock
    from trilith.build.store import Store
    from trilith.cli.build_sources import Flags

PACKAGES = "packages"


@dataclass(frozen=True)
class Output:
    """The image that a build ends with."""

    destination: Destination
    base: str = PACKAGES

    def check(self, lock: "Lock") -> None:
        """See before a build that its image will have something to stand on.

        Raises:
            BuildError: the lock names no packages.
        """
        if self.packages and not lock.debian:
            hint = "lock with --debian, or name a base with --base=FOLDER or --base=oci:FOLDER"
            raise BuildError([Problem("the lock names no Debian packages to stand on", suggestion=hint)])

    @property
    def packages(self) -> bool:
        """Whether it stands on the Debian packages of the lock."""
        return self.base == PACKAGES

    def refuse_containers(self) -> None:
        """Say that builds in containers write no image this way.

        Raises:
            BuildError: always.
        """
        hint = "add --no-container-build, or run docker_build, which ends with an image"
        raise BuildError(
            [Problem("--output writes an image without an engine; this build needs one", suggestion=hint)]
        )

    def write(self, root: Path, catalogue: "Catalogue", store: "Store") -> None:
        """Write the image of a result and print its digest.

        Raises:
            BuildError: it cannot be, or cannot be written.
        """
        from trilith.build.image.publishing import open_base, publish  # noqa: PLC0415
        from trilith.build.verifying.subject import subject_of  # noqa: PLC0415
        from trilith.cli.build_image import locked_packages  # noqa: PLC0415

        subject = subject_of(root, catalogue)
        base = open_base(self.base, lambda: locked_packages(subject, store.root))
        sys.stdout.write(f"{publish(subject, self.destination, base)}\n")


def take_output(flags: "Flags") -> Output | None:
    """Take ``--output`` and ``--base`` out of a command line.

    Raises:
        BuildError: what is named cannot be written, or there is a base and no image.
    """
    text, base = flags.take("output"), flags.take("base")
    if text:
        destination = Destination.parse(text)
        destination.refuse_others()
        return Output(destination, base or PACKAGES)
    if base:
        hint = "write --output=oci:FOLDER too"
        raise BuildError([Problem("--base is what an image stands on", suggestion=hint)])
    return None
