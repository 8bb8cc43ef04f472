"""Base images, from a registry on loopback."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.faults import Files, serving
from trilith.build.fetching.images import fetch_layers
from trilith.build.locking.images import lock_image
from trilith.build.locking.model import LockedImage
from trilith.build.mirrors import Mirrors
from trilith.build.problems import BuildError
from trilith.build.store import Store

LAYER = b"a layer"
CONFIG = json.dumps({"config": {"Env": ["PATH=/usr/local/cargo/bin:/usr/bin"]}}).encode()


def named(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


MANIFEST = json.dumps({"config": {"digest": named(CONFIG)}, "layers": [{"digest": named(LAYER)}]}).encode()
RIGHT = named(MANIFEST)
INDEX = {
    "manifests": [
        {"digest": "sha256:other", "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": RIGHT, "platform": {"os": "linux", "architecture": "amd64"}},
    ]
}


@pytest.fixture
def registry() -> Iterator[Files]:
    with serving() as files:
        below = "/v2/library/base"
        files.content[f"{below}/manifests/1.0"] = json.dumps(INDEX).encode()
        files.content[f"{below}/manifests/{RIGHT}"] = MANIFEST
        files.content[f"{below}/blobs/{named(CONFIG)}"] = CONFIG
        files.content[f"{below}/blobs/{named(LAYER)}"] = LAYER
        yield files


def rules(registry: Files) -> Mirrors:
    return Mirrors({"containers": {"base": f"{registry.address.removeprefix('http://')}/library/base"}})


def test_a_registry_gives_the_digest_of_a_platform(registry: Files) -> None:
    image, note = lock_image("base", "base:1.0", "x86_64", rules(registry))
    assert (image.digest, image.platform, note) == (RIGHT, "linux/amd64", "")
    assert image.reference == "base:1.0", "where it was fetched from is no matter of a lock"
    assert image.layers == (named(LAYER).removeprefix("sha256:"),)
    assert image.environment == ("PATH=/usr/local/cargo/bin:/usr/bin",)


def test_an_image_may_be_named_by_the_digest_of_an_index(registry: Files) -> None:
    index = json.dumps(INDEX).encode()
    registry.content[f"/v2/library/base/manifests/{named(index)}"] = index
    image, note = lock_image("base", f"base@{named(index)}", "x86_64", rules(registry))
    assert (image.digest, note) == (RIGHT, "")


def test_layers_are_fetched_and_checked(registry: Files, tmp_path: Path) -> None:
    image, _ = lock_image("base", "base:1.0", "x86_64", rules(registry))
    store = Store(tmp_path)
    fetch_layers(image, store, rules(registry))
    assert store.blob(image.layers[0]).read_bytes() == LAYER
    registry.content[f"/v2/library/base/blobs/{named(LAYER)}"] = b"another"
    fetch_layers(image, store, rules(registry))  # what is there is not fetched again
    with pytest.raises(BuildError, match="expected SHA-256"):
        fetch_layers(image, Store(tmp_path / "other"), rules(registry))


def test_a_manifest_that_is_another_is_not_believed(registry: Files) -> None:
    registry.content[f"/v2/library/base/manifests/{RIGHT}"] = MANIFEST + b" "
    image, note = lock_image("base", "base:1.0", "x86_64", rules(registry))
    assert image.layers == ()
    assert "it is not known what" in note


@pytest.mark.parametrize(
    ("reference", "message"),
    [("folder", "lies on the machine where it was locked"), ("base:1.0", "holds no registry")],
)
def test_layers_that_nobody_has_are_named(tmp_path: Path, reference: str, message: str) -> None:
    image = LockedImage("base", reference, "linux/amd64", "", ("0" * 64,))
    with pytest.raises(BuildError, match=message):
        fetch_layers(image, Store(tmp_path), Mirrors())


@pytest.mark.parametrize(
    ("reference", "machine", "message"),
    [
        ("base:2.0", "x86_64", "cannot be asked: HTTP Error 404"),
        ("base:1.0", "riscv64", "is not there for linux/riscv64"),
        ("elsewhere:1.0", "x86_64", r"a rule under \[containers\]"),
    ],
)
def test_what_cannot_be_asked_is_explained(
    registry: Files, reference: str, machine: str, message: str
) -> None:
    image, note = lock_image("base", reference, machine, rules(registry))
    assert image.digest == ""
    assert re.search(message, note), note
