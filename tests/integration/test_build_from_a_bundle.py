"""A small family of repositories: locked, fetched, bundled, and built with all of it gone and no network."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support.family import make_family
from trilith.build.assembling.proof import ways
from trilith.cli.main import main

RESULT = {"bare.txt": "bare", "common.txt": "common", "data.txt": "data", "deep.txt": "deep"}
RESULT |= {"deeper.txt": "deeper", "inner.txt": "inner"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, and nothing left of what it was made from."""
    folder = tmp_path_factory.mktemp("bundle")
    family = make_family(folder)
    lock, store, out = folder / "L", folder / "a store", folder / "out ü.tar"
    rules = f"--mirrors={family.rules}"
    assert main(["build", "lock", *family.words, rules, f"--output={lock}", f"--store={store}"]) == 0
    assert main(["build", "fetch", f"--lock={lock}", f"--to={store}", rules]) == 0
    assert main(["build", "bundle", f"--lock={lock}", f"--store={store}", str(out)]) == 0
    for gone in (family.mirrors, store):
        shutil.rmtree(gone)
    family.catalogue.unlink()
    return out


def installed(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (root / "backends" / "part").iterdir()}


@pytest.mark.usefixtures("cmake_of_the_environment")
def test_a_bundle_is_all_that_a_build_needs(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a größer build"
    words = ["build", "--from", str(bundle), f"--build-dir={folder}", "--quiet"]
    cut = ways()
    able = bool(cut.namespace or cut.trace)
    status = main([*words, "--prove"] if able else words)
    shown = capsys.readouterr().err
    assert status == 0, shown + (folder / "build.log").read_text()
    root = folder / "opt" / "server"
    assert installed(root) == RESULT
    if cut.namespace:
        assert f"network cut off by '{' '.join(cut.namespace)}'" in shown
    if cut.trace:
        assert "; 0 network connections (strace)" in shown
    manifest = json.loads((root / "share" / "trilith" / "manifest.json").read_text())
    assert {file["brick"] for file in manifest["files"] if "backends" in file["path"]} == {"backend.part"}
    assert (root / "share" / "trilith" / "trilith-build.lock").read_text().count("[[submodule]]") == 4


def test_the_submodules_that_are_not_used_are_in_no_bundle(bundle: Path) -> None:
    listed = subprocess.run(
        ["tar", "--list", "--file", str(bundle)], check=True, capture_output=True, text=True
    )
    assert listed.stdout.count(".pack") == 6


@pytest.mark.usefixtures("cmake_of_the_environment")
def test_a_lock_and_a_store_do_without_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    family = make_family(tmp_path)
    lock, store, folder = tmp_path / "L", tmp_path / "store", tmp_path / "a build"
    rules = f"--mirrors={family.rules}"
    assert main(["build", "lock", *family.words, rules, f"--output={lock}", f"--store={store}"]) == 0
    assert main(["build", "fetch", f"--lock={lock}", f"--to={store}", rules, "--quiet"]) == 0
    words = ["build", f"--lock={lock}", f"--store={store}", f"--build-dir={folder}", "--quiet"]
    assert main([*words, "--backend=other"]) == 2
    assert "--backend stands in the lock" in capsys.readouterr().err
    shutil.rmtree(family.mirrors)  # what was locked is in the store: branches that move are no matter
    assert main(words) == 0, capsys.readouterr().err
    assert installed(folder / "opt" / "server") == RESULT
