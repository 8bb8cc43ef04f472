"""Base images that lie on this machine."""

import json
from pathlib import Path

import pytest

from support.images import make_layout, member
from trilith.build.image.reading import ImageLayer
from trilith.build.locking.images import tree_digest
from trilith.build.locking.roots import installed, lock_root
from trilith.build.problems import BuildError
from trilith.build.store import Store

STATUS = "Package: small\nStatus: install ok installed\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root of a system, with one package."""
    place = tmp_path / "root"
    for folder in ("usr/bin", "var/lib/dpkg"):
        (place / folder).mkdir(parents=True)
    (place / "usr/bin/name").write_text("a")
    (place / "link").symlink_to("usr")
    (place / "var/lib/dpkg/status").write_text(STATUS)
    return place


def names(store: Store, layer: str) -> set[str]:
    with ImageLayer("", "", lambda: store.blob(layer).open("rb")).open() as archive:
        return {one.name for one in archive}


def test_a_folder_is_locked_by_its_tree_and_its_layer_is_in_the_store(root: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    first = lock_root("base", str(root), "x86_64", store)
    assert (first.reference, first.platform) == ("folder", "linux/amd64")
    assert first.digest == f"sha256:{tree_digest(root)}"
    assert {"link", "usr/bin/name"} <= names(Store(tmp_path / "store"), first.layers[0])
    assert lock_root("base", str(root), "x86_64", store) == first, "the same for the same folder"
    (root / "usr/bin/name").chmod(0o755)
    second = lock_root("base", str(root), "x86_64", store)
    assert second.digest != first.digest
    assert second.layers != first.layers


def test_an_image_is_locked_with_its_layers_and_variables(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    layout = make_layout(tmp_path / "layout", [[(member("usr/one"), b"1")], [(member("usr/two"), b"2")]])
    found = lock_root("base", f"oci:{layout}", "x86_64", store)
    index = json.loads((layout / "index.json").read_text())
    assert (found.reference, found.digest) == ("image", index["manifests"][0]["digest"])
    assert [names(store, layer) for layer in found.layers] == [{"usr/one"}, {"usr/two"}]
    assert found.environment == ("PATH=/usr/bin", "A=1")


def test_packages_are_a_base_that_is_made_later(tmp_path: Path) -> None:
    found = lock_root("base", "packages", "aarch64", Store(tmp_path))
    assert (found.reference, found.platform, found.layers) == ("packages", "linux/arm64", ())


@pytest.mark.parametrize(
    ("base", "machine", "message"),
    [
        ("absent", "x86_64", "there is no absent; name a root folder"),
        ("{layout}", "aarch64", "is for x86_64, and the plan is for aarch64"),
        ("{empty}", "x86_64", "has no usr"),
    ],
)
def test_what_cannot_be_stood_on_is_refused(tmp_path: Path, base: str, machine: str, message: str) -> None:
    layout = make_layout(tmp_path / "layout", [])
    (tmp_path / "empty").mkdir()
    place = base.format(layout=layout, empty=tmp_path / "empty")
    with pytest.raises(BuildError, match=message):
        lock_root("base", place, machine, Store(tmp_path / "store"))


def test_what_is_installed_is_read_from_folders_and_images(root: Path, tmp_path: Path) -> None:
    layers = [[(member("var/lib/dpkg/status"), STATUS.encode())]]
    layout = make_layout(tmp_path / "layout", layers)
    assert installed(str(root)) == STATUS
    assert installed(f"oci:{layout}") == STATUS
    assert installed("packages") == installed("") == ""
