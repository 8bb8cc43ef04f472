"""Registries of container images: what an image is made of, and its layers (OCI distribution 1.0)."""

import hashlib
import json
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from trilith.build.mirrors import Mirrors
from trilith.build.secrets import redact

_KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_REFERENCE = re.compile(
    r"(?P<host>[\w.-]+(?::\d+)?)/(?P<path>[\w./-]+?)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>\S+))?"
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_SECONDS = 20.0
_CHUNK = 1 << 20
# Descriptions of images are small; whatever is larger is none.
_LARGEST = 8 << 20


@dataclass(frozen=True)
class Description:
    """What an image is made of."""

    digest: str
    layers: tuple[str, ...]
    """SHA-256 of each, from the lowest up."""
    environment: tuple[str, ...]


@dataclass
class Registry:
    """A repository of a registry."""

    host: str
    path: str
    named: str
    """Tag or digest that a reference asks for."""
    _headers: dict[str, str] = field(default_factory=lambda: {"User-Agent": "trilith-build"})

    def find(self, platform: str) -> str:
        """Return the digest of what was named, for a platform.

        Raises:
            OSError: the registry cannot be asked.
            ValueError: it has none for the platform.
        """
        if self.named.startswith("sha256:"):
            return self.named
        content, digest = self._manifest(self.named)
        return _for(content, platform) if "manifests" in content else digest

    def describe(self, digest: str, platform: str) -> Description:
        """Return what an image is made of; each document is what its hash says.

        Raises:
            OSError: the registry cannot be asked.
            ValueError: it answers something else.
        """
        content, found = self._manifest(digest)
        if "manifests" in content:  # a reference may name the digest of an index
            return self.describe(_for(content, platform), platform)
        config = json.loads(
            self._checked(f"blobs/{content['config']['digest']}", content["config"]["digest"])
        )
        layers = tuple(str(layer["digest"]).removeprefix("sha256:") for layer in content["layers"])
        environment = tuple((config.get("config") or {}).get("Env") or ())
        return Description(found, layers, environment)

    def download(self, sha256: str, target: Path) -> None:
        """Write a layer into a file; the caller checks it.

        Raises:
            OSError: the registry cannot be asked.
        """
        with closing(self._open(f"blobs/sha256:{sha256}")) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file, _CHUNK)

    def _manifest(self, reference: str) -> tuple[dict[str, Any], str]:
        expected = reference if reference.startswith("sha256:") else ""
        data = self._checked(f"manifests/{reference}", expected)
        return json.loads(data), f"sha256:{hashlib.sha256(data).hexdigest()}"

    def _checked(self, below: str, digest: str) -> bytes:
        with closing(self._open(below)) as answer:
            data: bytes = answer.read(_LARGEST)
        found = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if digest and digest != found:
            raise ValueError(f"{below} is {found}")
        return data

    def _open(self, below: str) -> HTTPResponse:
        scheme = "http" if self.host.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
        address = f"{scheme}://{self.host}/v2/{self.path}/{below}"
        try:
            return _open(address, {**self._headers, "Accept": ", ".join(_KINDS)})
        except urllib.error.HTTPError as error:
            challenge = error.headers.get("WWW-Authenticate", "")
            if not challenge.lower().startswith("bearer ") or "Authorization" in self._headers:
                raise
            self._headers["Authorization"] = f"Bearer {self._token(challenge)}"
        return _open(address, {**self._headers, "Accept": ", ".join(_KINDS)})

    def _token(self, challenge: str) -> str:
        told = dict(_CHALLENGE.findall(challenge))
        query = urllib.parse.urlencode({key: told[key] for key in ("service", "scope") if key in told})
        with closing(_open(f"{told['realm']}?{query}", {"User-Agent": "trilith-build"})) as answer:
            content = json.load(answer)
        return str(content.get("token") or content["access_token"])


def registry_of(reference: str, mirrors: Mirrors) -> Registry | None:
    """Return where an image comes from; nothing where neither its name nor a rule says so."""
    parts = _REFERENCE.fullmatch(mirrors.send("containers", reference))
    if not parts or not ({".", ":"} & set(parts["host"]) or parts["host"] == "localhost"):
        return None
    return Registry(parts["host"], parts["path"], parts["digest"] or parts["tag"] or "latest")


def _for(index: dict[str, Any], platform: str) -> str:
    """Return the digest of a platform's image in an index of several."""
    system, architecture = platform.split("/")
    for item in index["manifests"]:
        about = item.get("platform", {})
        if about.get("os") == system and about.get("architecture") == architecture:
            return str(item["digest"])
    raise ValueError(f"it is not there for {platform}")


def _open(address: str, headers: dict[str, str]) -> HTTPResponse:
    if not address.startswith(("https://", "http://")):
        raise ValueError(f"expected an address of HTTP, found {redact(address)}")
    asked = urllib.request.Request(address, headers=headers)  # noqa: S310  its scheme was checked
    answer: HTTPResponse = urllib.request.urlopen(asked, timeout=_SECONDS)  # noqa: S310
    return answer
