"""Python environments of models' own."""

import io
import sys
import tarfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # what several folders of tests share

from support.environments import make_environment, pack
from trilith.contract import ConfigurationError, LoadError, ModelSource
from trilith.runtime.environments import PARAMETER, Environments, find_path


def find(tmp_path: Path, value: str) -> Path | None:
    source = ModelSource("m", 1, tmp_path / "m", tmp_path / "m" / "1")
    return find_path({"parameters": {PARAMETER: {"string_value": value}}}, source)


def test_a_path_may_begin_at_the_model_and_must_stay_there(tmp_path: Path) -> None:
    (tmp_path / "m" / "inside").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    assert find(tmp_path, "$$TRITON_MODEL_DIRECTORY/inside") == tmp_path / "m" / "inside"
    assert find(tmp_path, str(tmp_path / "outside")) == tmp_path / "outside"
    assert find(tmp_path, "") is None
    with pytest.raises(ConfigurationError, match="leads out of the model's folder"):
        find(tmp_path, "$$TRITON_MODEL_DIRECTORY/../outside")
    with pytest.raises(ConfigurationError, match="there is no '"):
        find(tmp_path, "$$TRITON_MODEL_DIRECTORY/nothing")


def test_a_packed_environment_is_unpacked_once_for_its_content_and_taken_away(tmp_path: Path) -> None:
    first = pack(make_environment(tmp_path / "made"), tmp_path / "first.tar.gz")
    second = tmp_path / "second.tar.gz"
    second.write_bytes(first.read_bytes())
    environments = Environments()
    opened = environments.open(first)
    assert opened.interpreter.is_file()
    assert environments.open(second) is opened
    assert [path.name for path in opened.packages.iterdir()] == ["trilith"]
    environments.remove()
    assert not opened.folder.parent.exists()


def test_a_folder_is_used_where_it_lies_and_stays(tmp_path: Path) -> None:
    folder = make_environment(tmp_path / "made")
    environments = Environments()
    assert environments.open(folder).folder == folder
    environments.remove()
    assert folder.exists()


@pytest.mark.parametrize(
    ("name", "link"), [("../outside", ""), ("bin/python", "/etc/passwd"), ("up", "../../outside")]
)
def test_what_would_lie_outside_is_not_unpacked(tmp_path: Path, name: str, link: str) -> None:
    file = tmp_path / "bad.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = (tarfile.SYMTYPE, link) if link else (tarfile.REGTYPE, "")
        archive.addfile(member, io.BytesIO())
    environments = Environments()
    with pytest.raises(LoadError, match="cannot be unpacked"):
        environments.open(file)
    environments.remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar.gz"]


def test_what_no_worker_can_run_in_is_refused_with_the_reason(tmp_path: Path) -> None:
    environments = Environments()
    (tmp_path / "empty").mkdir()
    with pytest.raises(LoadError, match="holds no 'bin/python'"):
        environments.open(tmp_path / "empty")
    with pytest.raises(LoadError, match="holds no NumPy that works"):
        environments.open(make_environment(tmp_path / "bare", numpy=False))
    (tmp_path / "text").write_text("no archive")
    with pytest.raises(LoadError, match="cannot be unpacked"):
        environments.open(tmp_path / "text")
    for script, reason in [
        ('echo \'["cpython", [3, 8], ""]\'', "cpython 3.8; workers need CPython 3.11"),
        ("exit 3", "does not run"),
    ]:
        folder = tmp_path / reason.replace(" ", "-")
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / "python").chmod(0o755)
        with pytest.raises(LoadError, match=reason):
            environments.open(folder)
    environments.remove()
