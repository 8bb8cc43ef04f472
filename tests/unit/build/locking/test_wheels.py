"""Python distributions, locked and fetched from a folder of wheels."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from trilith.build import Lock, Mirrors, Store
from trilith.build.fetching.packages import fetch_wheel
from trilith.build.locking.wheels import (
    lock_wheels,
    normal,
    required_name,
    tags_of,
    target_words,
    this_interpreter,
)
from trilith.build.problems import BuildError

LOCK = Lock("x", "p", 0, target={"machine": "x86_64", "interpreter": this_interpreter()})


def wheel(folder: Path, name: str, version: str, *requires: str) -> Path:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {item}\n" for item in requires)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        )
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of this machine's own: pip's configuration says where it is."""
    place = tmp_path / "wheels of größe"
    place.mkdir()
    configuration = tmp_path / "pip.conf"
    configuration.write_text(f"[global]\nno-index = true\nfind-links = {place.as_uri()}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return place


def test_requirements_come_down_to_files_that_are_fetched_by_hash(folder: Path, tmp_path: Path) -> None:
    other = wheel(folder, "other_part", "2.0")
    wheel(folder, "server", "1.0", "other-part>=1", 'absent; extra == "x"')
    found = lock_wheels({"core.a": ["server<2"], "backend.b": ["Other.Part"]}, "run", [], Mirrors())
    assert [(item.name, item.version, item.needed_by) for item in found] == [
        ("other-part", "2.0", ("backend.b", "core.a")),
        ("server", "1.0", ("core.a",)),
    ]
    assert found[0].sha256 == hashlib.sha256(other.read_bytes()).hexdigest()
    assert found[0].tags == ("py3-none-any",)
    store = Store(tmp_path / "store")
    fetch_wheel(LOCK, found[0], store, Mirrors())
    store.check(found[0].sha256, "wheel")
    other.write_bytes(other.read_bytes() + b"more")
    with pytest.raises(
        BuildError, match=r"wheel other_part-2.0-py3-none-any.whl: pip cannot fetch other-part"
    ):
        fetch_wheel(LOCK, found[0], Store(tmp_path / "another"), Mirrors())
    assert not (tmp_path / "another" / "blobs").exists()


def test_what_cannot_be_resolved_is_named(folder: Path) -> None:
    wheel(folder, "server", "1.0", "absent>=3")
    with pytest.raises(BuildError, match=r"pip cannot resolve what the server requires \(server\): .*absent"):
        lock_wheels({"core.a": ["server"]}, "run", [], Mirrors())


def test_nothing_required_asks_nobody() -> None:
    assert lock_wheels({}, "run", [], Mirrors()) == []


@pytest.mark.parametrize(
    ("requirement", "name"),
    [("numpy>=1.26", "numpy"), ("A_b.c [x] ; y", "a-b-c"), ("x@ https://y", "x"), ("z~=1", "z")],
)
def test_a_requirements_name_is_found(requirement: str, name: str) -> None:
    assert required_name(requirement) == normal(name)


def test_wheels_for_other_machines_are_asked_for_by_their_tags() -> None:
    assert target_words("x86_64", this_interpreter(), "x86_64") == []
    words = target_words("aarch64", "3.12", "x86_64")
    assert words[:4] == ["--implementation", "cp", "--python-version", "3.12"]
    assert "manylinux_2_28_aarch64" in words


def test_tags_are_read_from_a_name() -> None:
    name = "x-1-cp311-cp311-manylinux_2_28_x86_64.manylinux2014_x86_64.whl"
    assert tags_of(name) == ("cp311-cp311-manylinux2014_x86_64", "cp311-cp311-manylinux_2_28_x86_64")
