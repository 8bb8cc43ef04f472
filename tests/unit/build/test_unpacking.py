"""Archives that want out of their folder."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from trilith.build.problems import BuildError
from trilith.build.unpacking import unpack_tar, unpack_wheel_tools


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname = kind, link
    return about


def archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as written:
        for one in members:
            written.addfile(one, io.BytesIO() if one.isreg() else None)
    return path


@pytest.mark.parametrize(
    "hostile",
    [
        member("../escaped"),
        member("/etc/escaped"),
        member("inside/../../escaped"),
        member("link", tarfile.SYMTYPE, "../escaped"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("deep/link", tarfile.SYMTYPE, "../../escaped"),
        member("hard", tarfile.LNKTYPE, "../escaped"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda one: f"{one.name}-{one.linkname}",
)
def test_nothing_lands_outside(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    path = archive(tmp_path / "hostile.tar", member("good"), hostile)
    with pytest.raises(BuildError, match=f"archive x: holds '{hostile.name}'"):
        unpack_tar(path, tmp_path / "folder", "archive x")
    assert not list((tmp_path / "folder").iterdir()), "not even what was good"
    assert not (tmp_path / "escaped").exists()


def test_links_inside_stay(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", member("a/file"), member("a/b/link", tarfile.SYMTYPE, "../file"))
    unpack_tar(path, tmp_path / "folder", "archive x")
    assert (tmp_path / "folder" / "a" / "b" / "link").is_file()


def test_half_an_archive_is_said(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar", member("a/file"))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(BuildError, match="archive x: cannot be unpacked"):
        unpack_tar(path, tmp_path / "folder", "archive x")


@pytest.fixture
def wheel(tmp_path: Path) -> Callable[..., Path]:
    def write(*names: str) -> Path:
        folder = tmp_path / "wheels"
        folder.mkdir()
        with zipfile.ZipFile(folder / "tool-1.0-py3-none-any.whl", "w") as written:
            for name in names:
                written.writestr(name, "#!/bin/sh\n")
        return folder

    return write


def test_scripts_of_wheels_can_be_run(tmp_path: Path, wheel: Callable[..., Path]) -> None:
    unpack_wheel_tools(wheel("tool/code.py", "tool-1.0.data/scripts/tool"), tmp_path / "tools")
    assert (tmp_path / "tools" / "bin" / "tool").stat().st_mode & 0o100
    assert (tmp_path / "tools" / "tool" / "code.py").is_file()


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "tool-1.0.data/scripts/../../../escaped"])
def test_a_wheel_cannot_write_elsewhere(tmp_path: Path, wheel: Callable[..., Path], name: str) -> None:
    with pytest.raises(BuildError, match="lies outside"):
        unpack_wheel_tools(wheel("good.py", name), tmp_path / "tools" / "here")
    assert not list(tmp_path.rglob("escaped"))
