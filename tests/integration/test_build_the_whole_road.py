"""This server, from sources to an image: locked, fetched, bundled, built with the network cut, verified."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.road import make_source, make_wheels
from trilith.build.assembling.proof import ways
from trilith.build.result import read_manifest
from trilith.cli.main import main

# Everything that is compiled into the extension of the tests: a result says so, and is held to its plan.
CHOSEN = ["--endpoint=http", "--endpoint=grpc", "--endpoint=metrics", "--enable=shared_memory"]
CHOSEN += ["--backend=python", "--backend=identity", "--enable-stats", "--enable-metrics"]
LEFT_OUT = ("onnxruntime", "checksum", "local")


@dataclass(frozen=True)
class Inside:
    """A machine without a network: one file, and nothing of what it was made from."""

    bundle: Path
    lock: Path


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Inside:
    """Lock, fetch and bundle; then everything but the bundle goes."""
    folder = tmp_path_factory.mktemp("outside")
    source, wheels = make_source(folder / "source"), make_wheels(folder / "wheels")
    (folder / "pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {wheels}\n")
    lock, store, out = folder / "L", folder / "store", folder / "server ü.tar"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_CONFIG_FILE", str(folder / "pip.conf"))
        patch.delenv("PIP_FIND_LINKS", raising=False)
        words = [*CHOSEN, f"--cmake-dir={source}", f"--output={lock}", f"--store={store}"]
        assert main(["build", "lock", *words]) == 0
        assert main(["build", "fetch", f"--lock={lock}", f"--to={store}", "--quiet"]) == 0
        assert main(["build", "bundle", f"--lock={lock}", f"--store={store}", str(out)]) == 0
    for gone in (source, wheels, store):
        shutil.rmtree(gone)
    return Inside(out, lock)


@pytest.fixture(autouse=True)
def system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let results find a Python of their version first, wherever the tests run."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


def build(inside: Inside, folder: Path, *words: str) -> Path:
    """Build in a folder, and return the result."""
    given = [f"--from={inside.bundle}", f"--build-dir={folder}", "--quiet", *words]
    assert main(["build", *given]) == 0, (folder / "build.log").read_text()
    return folder / "opt" / "trilith"


def test_a_server_is_built_from_one_file_and_is_whole(
    inside: Inside, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = ways()
    proof = ["--prove"] if cut.namespace or cut.trace else []
    root = build(inside, tmp_path / "ein größer Bau", *proof)
    shown = capsys.readouterr().err
    if cut.namespace:
        assert "network cut off" in shown
    if cut.trace:
        assert "0 network connections" in shown
    files = [file.path for file in read_manifest(root).files]
    bricks = [path for path in files if "/trilith/bricks/" in path]
    assert bricks
    assert not [path for path in bricks for name in LEFT_OUT if f"/{name}/" in path]
    assert not [path for path in files if "/tests/" in path]
    assert not [path for path in files if path.endswith((".a", ".pc"))]
    records = [path.read_text() for path in root.rglob("RECORD")]
    assert not [text for text in records if "/tests/" in text or "static." in text]
    status = main(["build", "verify", str(root)])
    assert status == 0, capsys.readouterr().out
    assert "backend.python answered an inference" in capsys.readouterr().out


def test_two_folders_give_images_of_one_digest(
    inside: Inside, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digests = []
    for name in ("one", "another größer folder"):
        output = f"--output=oci:{tmp_path / name}/image"
        build(inside, tmp_path / name / "build", output, "--base=none")
        digests.append(capsys.readouterr().out.splitlines()[-1])
    assert digests[0].startswith("sha256:")
    assert digests[0] == digests[1]
    # The image stands on nothing, and what it lacks is told with who has it.
    status = main(["build", "verify", "--static", f"{tmp_path}/one/image"])
    missing = [line for line in capsys.readouterr().out.splitlines() if line.startswith("✗")]
    assert status == 1
    assert all("the Debian package" in line for line in missing), missing
    assert main(["build", "diff", f"{tmp_path}/one/image", f"{tmp_path}/another größer folder/image"]) == 0
    assert main(["build", "size", f"{tmp_path}/one/image", "--max-size=1MB"]) == 1
    assert main(["build", "sbom", f"{tmp_path}/one/image"]) == 0


def test_an_image_that_cannot_be_is_refused_before_the_build(
    inside: Inside, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "file").touch()
    given = ["build", f"--from={inside.bundle}", f"--build-dir={tmp_path}/build"]
    for words, message in (
        ([f"--output=oci:{taken}"], "is no image"),
        (["--output=iso:x"], "it is not known what to write"),
        (["--base=none"], "write --output=oci:FOLDER too"),
    ):
        assert main([*given, *words]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "build").exists()
    words = ["--container-build", "--endpoint=http", "--backend=identity", f"--output=oci:{tmp_path}/i"]
    assert main(["build", *words, f"--build-dir={tmp_path}/build"]) == 2
    assert "add --no-container-build" in capsys.readouterr().err
    assert not (tmp_path / "build").exists()


def test_the_debian_packages_of_an_image_have_to_be_locked(
    inside: Inside, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"--from={inside.bundle}", f"--build-dir={tmp_path}/build", "--quiet"]
    assert main(["build", *given, f"--output=oci:{tmp_path}/image"]) == 2
    assert "the lock names no Debian packages" in capsys.readouterr().err
    assert not (tmp_path / "build" / "opt").exists()
