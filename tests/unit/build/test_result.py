"""What a result says of itself."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from trilith.build import Plan
from trilith.build.problems import BuildError
from trilith.build.result import (
    MANIFEST,
    ResultManifest,
    describe_plan,
    read_manifest,
    scan,
    site_packages,
    write_manifest,
    write_text,
)

OWNERS = {
    "lib/python3.11/site-packages/a/": ("core.a", "a"),
    "lib/python3.11/site-packages/a/part/": ("backend.part", "a"),
}


def result(root: Path) -> Path:
    packages = site_packages(root, "3.11")
    for name in ("a/__init__.py", "a/part/deep/code.py", "other.py"):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text(name)
    (root / "bin").mkdir()
    (root / "bin" / "größe").write_text("#!/bin/sh\n")
    (root / "bin" / "größe").chmod(0o755)
    (root / "bin" / "link").symlink_to("größe")
    (root / "lib" / "current").symlink_to("python3.11", target_is_directory=True)
    return root


def test_each_file_has_the_brick_that_brought_it(tmp_path: Path) -> None:
    files = {file.path: file for file in scan(result(tmp_path), OWNERS, "core.server")}
    assert list(files) == sorted(files)
    below = "lib/python3.11/site-packages/"
    assert files[f"{below}a/__init__.py"].brick == "core.a"
    assert files[f"{below}a/part/deep/code.py"].brick == "backend.part"
    assert files[f"{below}other.py"].brick == "core.server"
    assert files["bin/größe"].executable
    assert files["bin/link"].link == "größe"
    assert files["lib/current"].link == "python3.11"


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    root = result(tmp_path)
    files = tuple(scan(root, OWNERS, "core.server"))
    manifest = ResultManifest(
        "family", "1.0", "digest", python_version="3.11", bricks=("core.a", "backend.x"), files=files
    )
    first = write_manifest(root, manifest).read_bytes()
    assert read_manifest(root) == manifest
    assert tuple(scan(root, OWNERS, "core.server")) == files, "the manifest does not list itself"
    assert write_manifest(root, manifest).read_bytes() == first


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 7}', '{"format": 1, "files": [{"x": 1}]}'])
def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / MANIFEST
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(BuildError, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_a_plans_text_knows_nothing_of_the_machine(planned: Callable[..., Plan]) -> None:
    line = "--no-container-build --endpoint=http --build-dir=/somewhere/else"
    text = describe_plan(planned(line))
    assert "/somewhere/else" not in text
    assert "endpoint.http" in text


def test_where_nothing_may_be_written_the_file_that_was_asked_for_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system that is mounted read-only, removing what is not there fails too."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "partial")

    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OSError, match="Read-only") as caught:
        write_text(tmp_path / "L", "text")
    assert caught.value.filename == str(tmp_path / "L")
