"""Every brick of this repository describes itself."""

import tomllib
from pathlib import Path

import pytest

from trilith.contract import BrickKind, Manifest

ROOT = Path(__file__).parents[2]
MANIFESTS = sorted((ROOT / "src/trilith/bricks").rglob("brick.toml"))


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.parent.name)
def test_a_manifest_is_valid_and_lies_in_the_folder_of_its_name(path: Path) -> None:
    manifest = Manifest.read(path)
    assert manifest.name == path.parent.name
    assert f"{manifest.kind}s" == path.parent.parent.name
    assert len(manifest.description.splitlines()) == 1


def test_every_backend_has_an_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["trilith.bricks"]
    backends = [
        manifest.name for manifest in map(Manifest.read, MANIFESTS) if manifest.kind is BrickKind.BACKEND
    ]
    assert {f"backend.{name}" for name in backends} <= set(points)


def test_native_features_are_features_of_the_extension() -> None:
    features = tomllib.loads((ROOT / "crates/bridge/Cargo.toml").read_text(encoding="utf-8"))["features"]
    wanted = {feature for path in MANIFESTS for feature in Manifest.read(path).native_features}
    assert wanted <= set(features)
