"""From a result to an image, by the command."""

import hashlib
import os
from pathlib import Path

import pytest

from support.images import make_deb, make_layout, member
from support.results import make_server
from trilith.build.image import open_image
from trilith.cli.main import main

LOCK = 'format = 1\ncatalogue = "trilith"\nplan = "01"\nsource_date_epoch = 7\n'


def locked(root: Path, store: Path) -> Path:
    """Give a result a lock with one package, which lies in a store."""
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    package = make_deb(store / "tool.deb", "tool", [(member("./usr/bin/tool"), b"t")])
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    blob = package.rename(store / "blobs" / digest)
    text = f'{LOCK}[[debian]]\nname = "tool"\nversion = "1.0"\narchitecture = "all"\nsha256 = "{digest}"\n'
    (root / "share/trilith/trilith-build.lock").write_text(text)
    return blob


def image(root: Path, target: Path, *more: str) -> int:
    return main(["build", "image", str(root), f"--output=oci:{target}", *more])


def test_two_builds_in_two_folders_have_one_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "zwei größere"):
        root = make_server(tmp_path / name / "result")
        locked(root, tmp_path / name / "store")
        assert image(root, tmp_path / name / "image", f"--store={tmp_path}/{name}/store") == 0
    digests = capsys.readouterr().out.split()
    assert len(digests) == 2
    assert len(set(digests)) == 1


def test_how_it_is_run_follows_from_plan_and_catalogue(tmp_path: Path) -> None:
    root = make_server(tmp_path / "result")
    assert image(root, tmp_path / "image", "--base=none") == 0
    settings = open_image(tmp_path / "image").settings
    assert settings["User"] == "1000:1000"
    assert settings["Cmd"] == ["trilith", "serve", "/models"]
    assert sorted(settings["ExposedPorts"]) == ["8000/tcp", "8001/tcp", "8002/tcp"]
    assert settings["Healthcheck"]["Test"][0] == "CMD"
    assert "/v2/health/ready" in settings["Healthcheck"]["Test"][-1]
    assert "backend.identity" in settings["Labels"]["dev.trilith.build.bricks"]


def test_every_time_in_it_is_the_one_that_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert image(make_server(tmp_path / "result"), tmp_path / "image", "--base=none") == 0
    opened = open_image(tmp_path / "image")
    assert opened.config["created"] == "1970-01-02T00:00:00Z"
    for layer in opened.layers:
        with layer.open() as archive:
            assert {entry.mtime for entry in archive} == {86400}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert image(make_server(tmp_path / "result"), tmp_path / "image", "--base=none") == 2


def test_packages_that_are_missing_or_changed_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_server(tmp_path / "result")
    blob = locked(root, tmp_path / "store")
    blob.write_bytes(blob.read_bytes() + b"\n")
    assert image(root, tmp_path / "image", f"--store={tmp_path}/store") == 2
    assert "tool 1.0 is not what the lock says" in capsys.readouterr().err
    blob.unlink()
    assert image(root, tmp_path / "image", f"--store={tmp_path}/store") == 2
    assert "tool 1.0 is not in the store" in capsys.readouterr().err
    (root / "share/trilith/trilith-build.lock").unlink()
    assert image(root, tmp_path / "image") == 2
    assert "--base=" in capsys.readouterr().err
    assert not (tmp_path / "image").exists()


def test_bases_of_every_kind_are_taken(tmp_path: Path) -> None:
    root = make_server(tmp_path / "result")
    rootfs = tmp_path / "root of größe"
    (rootfs / "usr/bin").mkdir(parents=True)
    (rootfs / "usr/bin/sh").write_text("sh")
    os.link(rootfs / "usr/bin/sh", rootfs / "usr/bin/bash")
    packages = tmp_path / "packages"
    packages.mkdir()
    make_deb(packages / "a.deb", "a", [(member("./usr/bin/sh"), b"sh")])
    layout = make_layout(tmp_path / "layout", [[(member("usr/bin/sh"), b"sh")]])
    for base in (str(rootfs), f"packages:{packages}", f"oci:{layout}", str(layout)):
        assert image(root, tmp_path / "image", f"--base={base}") == 0
        with open_image(tmp_path / "image").layers[0].open() as archive:
            assert "usr/bin/sh" in archive.getnames()
    assert image(root, tmp_path / "image", f"--base={tmp_path}/nothing") == 2
