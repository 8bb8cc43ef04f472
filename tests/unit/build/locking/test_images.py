"""Base images, from a registry on loopback and from folders."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.faults import Files, serving
from trilith.build.locking.images import lock_folder, lock_image, tree_digest
from trilith.build.mirrors import Mirrors
from trilith.build.problems import BuildError

INDEX = {
    "manifests": [
        {"digest": "sha256:other", "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": "sha256:right", "platform": {"os": "linux", "architecture": "amd64"}},
    ]
}


@pytest.fixture
def registry() -> Iterator[Files]:
    with serving() as files:
        files.content["/v2/library/base/manifests/1.0"] = json.dumps(INDEX).encode()
        yield files


def rules(registry: Files) -> Mirrors:
    return Mirrors({"containers": {"base": f"{registry.address.removeprefix('http://')}/library/base"}})


def test_a_registry_gives_the_digest_of_a_platform(registry: Files) -> None:
    image, note = lock_image("base", "base:1.0", "x86_64", rules(registry))
    assert (image.digest, image.platform, note) == ("sha256:right", "linux/amd64", "")
    assert image.reference == "base:1.0", "where it was fetched from is no matter of a lock"


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


def test_a_folder_is_locked_by_its_tree(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "name").write_text("a")
    (tmp_path / "link").symlink_to("etc")
    first = lock_folder("base", tmp_path, "x86_64")
    assert first.digest == f"sha256:{tree_digest(tmp_path)}"
    (tmp_path / "etc" / "name").chmod(0o755)
    assert lock_folder("base", tmp_path, "x86_64").digest != first.digest
    with pytest.raises(BuildError, match="there is no folder"):
        lock_folder("base", tmp_path / "absent", "x86_64")
