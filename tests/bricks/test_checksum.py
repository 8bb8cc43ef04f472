"""The checksum agent: what it compares, and what it says of what differs."""

import hashlib
from pathlib import Path

import pytest

from trilith.bricks.agents.checksum import ChecksumAgent
from trilith.contract import AgentAction, AgentModel, LoadError

CONTENT = b"the weights\n" * 1000
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.bin").write_bytes(CONTENT)
    return tmp_path


def load(folder: Path, **parameters: str) -> Path | None:
    return ChecksumAgent().act(AgentAction.LOAD, AgentModel("m", folder, parameters))


def refuse(folder: Path, key: str, value: str) -> str:
    with pytest.raises(LoadError) as caught:
        load(folder, **{key: value})
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MD5:1/model.bin", MD5),
        ("md5:1/model.bin", MD5.upper()),
        ("SHA256:1/model.bin", SHA256),
        ("MD5:./1/model.bin", f" {MD5} "),
    ],
)
def test_a_file_that_is_what_it_should_be_lets_the_model_load_where_it_is(
    folder: Path, key: str, value: str
) -> None:
    assert load(folder, **{key: value}) is None


def test_a_file_that_differs_is_named_with_both_checksums(folder: Path) -> None:
    reason = refuse(folder, "MD5:1/model.bin", "d726e132f91f16ebee703d96f6f73cb1")
    assert "mismatched MD5 hash for file '1/model.bin'" in reason
    assert "'d726e132f91f16ebee703d96f6f73cb1' was expected" in reason
    assert f"'{MD5}' was found" in reason


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("MD5:2/model.bin", "file '2/model.bin' cannot be read: No such file"),
        ("MD5:1", "cannot be read: Is a directory"),
        ("CRC32:1/model.bin", "algorithm 'CRC32' is unknown, it takes MD5 or SHA256"),
        ("1/model.bin", "names no file, write 'MD5:path/of/the/file'"),
        ("MD5:", "names no file"),
        ("MD5:../secret", "lies outside the model's folder"),
        ("MD5:/etc/passwd", "lies outside the model's folder"),
    ],
)
def test_a_parameter_that_cannot_be_followed_refuses_the_model(folder: Path, key: str, part: str) -> None:
    assert part in refuse(folder, key, MD5)


def test_everything_that_is_wrong_is_told_together(folder: Path) -> None:
    with pytest.raises(LoadError, match=r"SHA256.*; .*'gone'"):
        load(folder, **{"SHA256:1/model.bin": MD5, "MD5:gone": MD5})


def test_only_a_load_is_looked_at(folder: Path) -> None:
    model = AgentModel("m", folder, {"MD5:gone": MD5})
    for action in set(AgentAction) - {AgentAction.LOAD}:
        assert ChecksumAgent().act(action, model) is None
