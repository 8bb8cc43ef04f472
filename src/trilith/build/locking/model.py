"""What a lock is: everything that a build is made from, each by what it is and not by where it lies."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class LockedGit:
    """A repository at one commit."""

    name: str
    address: str
    ref: str
    commit: str
    tree: str
    left_out: tuple[str, ...] = ()
    """Submodules that no build uses."""
    left_out_reason: str = ""


@dataclass(frozen=True, order=True)
class LockedSubmodule:
    """A submodule at the commit that its repository names."""

    of: str
    """Name of the repository."""
    path: str
    """From the root of that repository, through other submodules too."""
    address: str
    commit: str
    tree: str
    left_out: tuple[str, ...] = ()
    """Submodules of its own that no build uses."""


@dataclass(frozen=True, order=True)
class LockedArchive:
    """A file behind an address."""

    name: str
    address: str
    sha256: str
    size: int = 0


@dataclass(frozen=True, order=True)
class LockedWheel:
    """A Python distribution; where it is fetched from is pip's matter."""

    name: str
    version: str
    file: str
    sha256: str
    tags: tuple[str, ...] = ()
    use: str = "run"
    """``run`` or ``build``."""
    needed_by: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class LockedCrate:
    """A crate, as Cargo.lock names it."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, order=True)
class LockedDebian:
    """A Debian package; where it is fetched from is apt's matter."""

    name: str
    version: str
    architecture: str
    sha256: str
    size: int = 0
    use: str = "run"
    """``run`` or ``build``."""


@dataclass(frozen=True, order=True)
class LockedIndex:
    """An index of Debian packages: the release file that names it, and whose signature that bears."""

    name: str
    """Origin, suite and component."""
    date: str
    release: str
    """SHA-256 of the release file."""
    sha256: str
    """Of the list of packages, as the release file names it."""
    signed_by: tuple[str, ...] = ()
    """Fingerprints of the keys; empty where nobody signed, which ``notes`` says too."""
    keyring: str = ""
    """SHA-256 of the keys that the signature was checked with."""


@dataclass(frozen=True, order=True)
class LockedImage:
    """A base image: by the registry's digest for one platform, or a folder by the digest of its tree."""

    name: str
    reference: str
    """``folder``, ``image`` or ``packages`` where it comes from no registry."""
    platform: str
    digest: str = ""
    layers: tuple[str, ...] = ()
    """SHA-256 of each, from the lowest up; empty where it is not in the store."""
    environment: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class LockedSource:
    """A source tree of this machine, by the hash of its archive."""

    name: str
    sha256: str
    files: int = 0
    commit: str = ""


@dataclass(frozen=True)
class Lock:
    """Everything that a build is made from."""

    catalogue: str
    plan: str
    """Digest of the plan that it is for."""
    source_date_epoch: int
    catalogue_sha256: str = ""
    """Of the catalogue's file, where it does not ship with the builder."""
    debian_snapshot: str = ""
    """When the package index that was asked was made."""
    notes: tuple[str, ...] = ()
    """What could not be locked, and why."""
    target: Mapping[str, str] = field(default_factory=dict)
    """Platform, machine, Python."""
    tools: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The selection, by flag."""
    source: tuple[LockedSource, ...] = ()
    git: tuple[LockedGit, ...] = ()
    submodule: tuple[LockedSubmodule, ...] = ()
    archive: tuple[LockedArchive, ...] = ()
    wheel: tuple[LockedWheel, ...] = ()
    crate: tuple[LockedCrate, ...] = ()
    index: tuple[LockedIndex, ...] = ()
    debian: tuple[LockedDebian, ...] = ()
    image: tuple[LockedImage, ...] = ()

    def blobs(self) -> dict[str, str]:
        """Return what lies in a store by its hash, and how it is called there."""
        found = {item.sha256: f"source {item.name}" for item in self.source}
        found |= {item.sha256: f"archive {item.name}" for item in self.archive}
        found |= {item.sha256: f"wheel {item.file}" for item in self.wheel}
        found |= {item.sha256: f"crate {item.name} {item.version}" for item in self.crate}
        found |= {item.sha256: f"package {item.name} {item.version}" for item in self.debian}
        found |= {layer: f"image {item.name}: a layer" for item in self.image for layer in item.layers}
        if self.catalogue_sha256:
            found[self.catalogue_sha256] = f"catalogue {self.catalogue}"
        return found

    def commits(self) -> dict[str, tuple[str, str]]:
        """Return name and address of what lies in a store by its commit."""
        found = {item.commit: (f"git {item.name}", item.address) for item in self.git}
        for item in self.submodule:
            found[item.commit] = (f"git {item.of}: submodule {item.path}", item.address)
        return found
