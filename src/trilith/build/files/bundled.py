"""What Dockerfiles say where all that they need lies beside them: nothing in them asks a network.

The context of such a build holds, beside the files that are written::

    bundle/     sources, archives, wheels, crates; copied to where the build sees them
    debian/     packages and their index; seen while they are installed, and in no layer
    images/     base images, each as one archive
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trilith.build.files.quoting import environment_lines, quote_word

BUNDLE, DEBIAN, IMAGES = "/bundle", "debian", "images"
SOURCES = "bundle.list"
"""Apt's source in the folder of packages."""
_MOUNT = f"--mount=type=bind,source={DEBIAN},target=/{DEBIAN}"
_APT = (
    f"-o Dir::Etc::SourceList=/{DEBIAN}/{SOURCES} -o Dir::Etc::SourceParts=/dev/null "
    "-o APT::Sandbox::User=root -o Acquire::Languages=none"
)
# As debootstrap does: packages are unpacked, and their scripts have not run yet.
_CONFIGURE = (
    "mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/triggers /var/log /run",
    "touch /var/lib/dpkg/status /var/lib/dpkg/available",
    "ln -sf mawk /usr/bin/awk",
    f"dpkg --force-depends --force-confnew --install /{DEBIAN}/base-passwd_*.deb /{DEBIAN}/base-files_*.deb",
    f"dpkg --force-depends --force-confnew --install /{DEBIAN}/*.deb",
)


@dataclass(frozen=True)
class Standing:
    """What an image stands on."""

    image: str = ""
    """A reference with a digest, which the engine has to have; empty where it comes from the bundle."""
    archive: str = ""
    """Its root as an archive, below the context."""
    environment: tuple[str, ...] = ()
    unpacked: bool = False
    """Whether it is made of packages whose scripts have not run."""
    packages: bool = True
    """Whether packages have to be installed on it."""


@dataclass(frozen=True)
class Bundled:
    """What lies beside the Dockerfiles."""

    build: Standing
    run: Standing
    environment: Mapping[str, str] = field(default_factory=dict)
    """What keeps the tools of a build to the bundle."""


def from_lines(standing: Standing) -> list[str]:
    """Return what an image begins with."""
    if standing.image:
        return [f"ARG BASE_IMAGE={standing.image}", "FROM ${BASE_IMAGE}", ""]
    variables = dict(item.split("=", 1) for item in standing.environment if "=" in item)
    return ["FROM scratch", f"ADD {standing.archive} /", *environment_lines(variables), ""]


def install_lines(standing: Standing, names: Sequence[str], *, runs: bool) -> list[str]:
    """Return how packages come in: by apt from the folder beside, or configured where they are unpacked."""
    if standing.unpacked:
        return [] if runs else _run(_CONFIGURE)
    if not standing.packages:
        return []
    listed = " ".join(names)
    return _run(
        (
            f"apt-get {_APT} update",
            f"apt-get {_APT} install --yes --no-install-recommends --allow-downgrades \\\n        {listed}",
            "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin",
        )
    )


def copy_lines(bundled: Bundled, tools: Iterable[str]) -> list[str]:
    """Return how the bundle comes in, and what a build is told of it."""
    lines = [
        "# All that the build needs; no address leads elsewhere.",
        f"COPY bundle {BUNDLE}",
        *environment_lines(bundled.environment),
        "",
    ]
    words = " ".join(quote_word(tool) for tool in tools)
    if words:
        lines += [
            "# Tools for the build that come as wheels.",
            f"RUN pip3 install --no-index --find-links {BUNDLE}/wheels-build --no-cache-dir \\",
            f"    --break-system-packages {words}",
            "",
        ]
    return lines


def _run(commands: Sequence[str]) -> list[str]:
    first, *rest = commands
    lines = [f"RUN {_MOUNT} \\", f"    {first}"]
    for command in rest:
        lines[-1] += " \\"
        lines.append(f"    && {command}")
    return ["ARG DEBIAN_FRONTEND=noninteractive", *"\n".join(lines).split("\n"), ""]
