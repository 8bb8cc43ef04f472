"""What a machine has for a build."""

import socket
import tomllib
from pathlib import Path

import pytest

from support.faults import serving
from trilith.build.catalogue import load
from trilith.build.doctor import TOOLS, examine, reach
from trilith.build.mirrors import Mirrors
from trilith.cli.main import main


def nothing_works(words: list[str]) -> tuple[int, str]:
    return 1, f"{words[0]}: no"


def test_every_tool_is_looked_for(tmp_path: Path) -> None:
    found = {sight.name: sight for sight in examine(load("triton"), tmp_path, {}, nothing_works)}
    assert {tool.name for tool in TOOLS} <= set(found)
    assert found["cmake"].needed
    assert not found["cargo"].needed
    assert found["user and network"].found == ""


@pytest.mark.parametrize("version", ["3.25.1", "3.31.8", "4.0"])
def test_a_tool_that_is_too_old_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name)
    sights = examine(load("triton"), tmp_path, {}, lambda words: (0, f"{words[0]} version {version}"))
    cmake = next(sight for sight in sights if sight.name == "cmake")
    assert cmake.lacks is (version == "3.25.1")
    assert ("3.25.1 is here, and 3.31.8 is needed" in cmake.purpose) is cmake.lacks


def test_the_least_rust_is_that_of_the_sources() -> None:
    manifest = Path(__file__).parents[3] / "Cargo.toml"
    least = tomllib.loads(manifest.read_text())["workspace"]["package"]["rust-version"]
    assert load("trilith").head.tools == {"cargo": least, "rustc": least}


def test_proxies_are_told_without_their_secrets(tmp_path: Path) -> None:
    environment = {"https_proxy": "http://me:secret@proxy.example:8080", "NO_PROXY": "localhost"}
    text = str(examine(load("triton"), tmp_path, environment, nothing_works))
    assert "http://proxy.example:8080" in text
    assert "secret" not in text


def test_a_full_disk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trilith.build.doctor.DISK", {"cmake": 10**18})
    found = examine(load("triton"), tmp_path / "not" / "there", {}, nothing_works)
    assert any(sight.topic == "disk" and sight.lacks for sight in found)


def test_mirrors_are_asked_only_when_they_are_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    rules = {
        "git": {"https://a/": f"file://{tmp_path}/", "https://b/": "file:///not/there/"},
        "pypi": {"index": f"http://127.0.0.1:{port}/simple"},
    }
    found = list(reach(Mirrors(rules)))
    assert [bool(sight.found) for sight in found] == [True, False, False]
    assert all(sight.topic != "mirrors" for sight in examine(load("triton"), tmp_path, {}, nothing_works))


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "mirrors.toml"
    rules.write_text('[git]\n"https://a/" = "file:///not/there/"\n')
    assert main(["build", "doctor", f"--mirrors={rules}", f"--build-dir={tmp_path}"]) == 1
    assert "missing:" in capsys.readouterr().out


def test_mirrors_with_passwords_are_asked_with_them_and_shown_without() -> None:
    with serving() as files:
        files.wanted = "Basic bWU6aHVudGVyMg=="
        told = files.address.replace("http://", "http://me:hunter2@")
        rules = {"archives": {"https://a/": told}, "pypi": {"index": files.address}}
        found = list(reach(Mirrors(rules)))
    assert [sight.found for sight in found] == ["answers 200", ""]
    assert "hunter2" not in str(found)
