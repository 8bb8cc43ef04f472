"""Bills of materials: a lock, told as CycloneDX and as SPDX.

Both hold what the lock holds and nothing else: the same names, versions and hashes.
"""

import hashlib
import json
import tomllib
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trilith.build.problems import BuildError, Problem

if TYPE_CHECKING:
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

CYCLONEDX, SPDX = "cyclonedx", "spdx"
# Names made of names, so that one lock has one serial number wherever it is told.
_SPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "trilith.dev")
_SHA1_LETTERS = 40
# Tables of a lock: where name, version, hash and address of an item stand.
_TABLES = {
    "source": ("name", "commit", "sha256", ""),
    "git": ("name", "ref", "commit", "address"),
    "submodule": ("path", "", "commit", "address"),
    "archive": ("name", "", "sha256", "address"),
    "wheel": ("name", "version", "sha256", ""),
    "crate": ("name", "version", "sha256", ""),
    "debian": ("name", "version", "sha256", ""),
    "image": ("name", "reference", "digest", ""),
}
_REPOSITORIES = ("git", "submodule")
_PURLS = {
    "wheel": ("pypi", None),
    "crate": ("cargo", None),
    "debian": ("deb", "debian"),
    "image": ("oci", None),
}


@dataclass(frozen=True, order=True)
class Material:
    """One thing that a build is made from."""

    kind: str
    """Table of the lock."""
    name: str
    version: str
    hash: str
    """SHA-256 of its bytes; for git, the commit; for images, the registry's digest."""
    address: str = ""
    architecture: str = ""
    builds_only: bool = False
    """Whether it is not in the result."""

    @property
    def key(self) -> str:
        """Identity within a lock."""
        return f"{self.kind}/{self.name}/{self.version}/{self.hash}"


@dataclass(frozen=True)
class Bill:
    """A lock as materials."""

    catalogue: str
    plan: str
    epoch: int
    digest: str
    """Hash of the lock's text."""
    materials: tuple[Material, ...]


def read_bill(text: str, file: str = "") -> Bill:
    """Read the text of a lock.

    Raises:
        BuildError: it is none.
    """
    try:
        lock = tomllib.loads(text)
        found = tuple(sorted(_materials(lock)))
        epoch = int(lock["source_date_epoch"])
        digest = hashlib.sha256(text.encode()).hexdigest()
        return Bill(str(lock["catalogue"]), str(lock["plan"]), epoch, digest, found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "make it with trilith build lock"
        raise BuildError([Problem(f"is no lock: {error!r}", file, suggestion=hint)]) from error


def render(bill: Bill, form: str) -> str:
    """Tell a lock as ``cyclonedx`` (1.6) or ``spdx`` (2.3), both JSON; the same text for the same lock."""
    return FORMS[form](bill)


def cyclonedx(bill: Bill) -> str:
    """Tell a lock as CycloneDX 1.6."""
    from cyclonedx.model.bom import Bom  # noqa: PLC0415  not for --help
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415

    serial = uuid.uuid5(_SPACE, bill.digest)
    bom = Bom(serial_number=serial, components=[_component(item) for item in bill.materials])
    bom.metadata.timestamp = datetime.fromtimestamp(bill.epoch, UTC)
    bom.metadata.component = Component(
        name=bill.catalogue, version=bill.plan, type=ComponentType.APPLICATION, bom_ref=f"plan/{bill.plan}"
    )
    bom.register_dependency(bom.metadata.component, bom.components)
    return str(JsonV1Dot6(bom).output_as_string(indent=1)) + "\n"


def spdx(bill: Bill) -> str:
    """Tell a lock as SPDX 2.3."""
    time = datetime.fromtimestamp(bill.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    root = "SPDXRef-Result"
    result = {
        "SPDXID": root,
        "name": bill.catalogue,
        "versionInfo": bill.plan,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
    }
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{bill.catalogue}-{bill.plan[:12]}",
        "documentNamespace": f"https://trilith.dev/spdx/{uuid.uuid5(_SPACE, bill.digest)}",
        "creationInfo": {"created": time, "creators": ["Tool: trilith build"]},
        "packages": [result, *(_package(item) for item in bill.materials)],
        "relationships": [
            _relation("SPDXRef-DOCUMENT", "DESCRIBES", root),
            *(
                _relation(_reference(item), "BUILD_DEPENDENCY_OF", root)
                if item.builds_only
                else _relation(root, "DEPENDS_ON", _reference(item))
                for item in bill.materials
            ),
        ],
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


FORMS: dict[str, Callable[[Bill], str]] = {CYCLONEDX: cyclonedx, SPDX: spdx}


def _materials(lock: Mapping[str, Any]) -> Iterator[Material]:
    for kind, (name, version, digest, address) in _TABLES.items():
        for item in lock.get(kind, ()):
            yield Material(
                kind,
                f"{item['of']}/{item[name]}" if kind == "submodule" else str(item[name]),
                str(item.get(version, "")),
                str(item.get(digest, "")),
                str(item.get(address, "")),
                str(item.get("architecture", item.get("platform", ""))),
                builds_only=item.get("use") == "build",
            )


def _url(item: Material) -> "PackageURL":
    from packageurl import PackageURL  # noqa: PLC0415  comes with cyclonedx

    kind, space = _PURLS.get(item.kind, ("generic", None))
    qualifiers = {}
    if item.kind in _REPOSITORIES:
        qualifiers["vcs_url"] = f"git+{item.address}@{item.hash}"
    elif item.address:
        qualifiers["download_url"] = item.address
    if item.architecture:
        qualifiers["arch"] = item.architecture
    return PackageURL(kind, space, item.name, item.version or item.hash, qualifiers)


def _hash(item: Material) -> tuple[str, str]:
    """Return the kind of hash, as SPDX calls it, and the hash."""
    is_commit = item.kind in _REPOSITORIES and len(item.hash) == _SHA1_LETTERS
    return "SHA1" if is_commit else "SHA256", item.hash.removeprefix("sha256:")


def _component(item: Material) -> "Component":
    from cyclonedx.model import (  # noqa: PLC0415
        ExternalReference,
        ExternalReferenceType,
        HashAlgorithm,
        HashType,
        XsUri,
    )
    from cyclonedx.model.component import Component, ComponentScope, ComponentType  # noqa: PLC0415

    algorithm, content = _hash(item)
    algorithms = {"SHA1": HashAlgorithm.SHA_1, "SHA256": HashAlgorithm.SHA_256}
    is_repository = item.kind in _REPOSITORIES
    kind = ExternalReferenceType.VCS if is_repository else ExternalReferenceType.DISTRIBUTION
    return Component(
        name=item.name,
        version=item.version or None,
        type=ComponentType.CONTAINER if item.kind == "image" else ComponentType.LIBRARY,
        purl=_url(item),
        bom_ref=item.key,
        hashes=[HashType(alg=algorithms[algorithm], content=content)] if content else [],
        scope=ComponentScope.EXCLUDED if item.builds_only else ComponentScope.REQUIRED,
        external_references=[ExternalReference(type=kind, url=XsUri(item.address))] if item.address else [],
    )


def _package(item: Material) -> dict[str, Any]:
    is_repository = item.kind in _REPOSITORIES
    algorithm, content = _hash(item)
    told: dict[str, Any] = {
        "SPDXID": _reference(item),
        "name": item.name,
        "downloadLocation": f"git+{item.address}@{item.hash}"
        if is_repository
        else item.address or "NOASSERTION",
        "filesAnalyzed": False,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": _url(item).to_string(),
            }
        ],
    }
    if item.version:
        told["versionInfo"] = item.version
    if content:
        told["checksums"] = [{"algorithm": algorithm, "checksumValue": content}]
    return told


def _reference(item: Material) -> str:
    """Return an identifier of letters, digits, dots and hyphens; names may hold anything."""
    return f"SPDXRef-{item.kind}-{uuid.uuid5(_SPACE, item.key)}"


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
