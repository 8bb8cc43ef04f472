"""What CMake downloads comes from a mirror, in builds that take sources as they are found."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.family import SITE, catalogue_of, git, make, submodule, tar
from support.faults import Files, serving
from trilith.cli.main import main

pytestmark = pytest.mark.usefixtures("cmake_of_the_environment")

FAR = "https://files.nowhere.example"
NAMES = ("plain", "joined", "listed", "called", "told", "later", "inside", "below")

PART = """
cmake_minimum_required(VERSION 3.18)
project(part VERSION 1.0 LANGUAGES NONE)
include(FetchContent)
include(ExternalProject)
set(FILES {far} CACHE STRING "")
FetchContent_Declare(plain URL "{far}/plain-1.0.tar.gz" URL_HASH SHA256={plain})
FetchContent_Declare(joined URL ${{FILES}}/joined-${{PROJECT_VERSION}}.tar.gz URL_HASH SHA256={joined})
list(APPEND MIRRORS "{far}/listed-1.0.tar.gz" "https://second.nowhere.example/listed-1.0.tar.gz")
FetchContent_Declare(listed URL ${{MIRRORS}} URL_HASH SHA256={listed})
# Git's rules are not those of archives, whatever their beginnings.
FetchContent_Declare(inside GIT_REPOSITORY {far}/git/inside.git GIT_TAG main)
FetchContent_MakeAvailable(plain joined listed inside)
macro(get name)
  file(DOWNLOAD ${{ARGN}} ${{CMAKE_CURRENT_BINARY_DIR}}/${{name}}.tar.gz STATUS status)
  file(ARCHIVE_EXTRACT INPUT ${{CMAKE_CURRENT_BINARY_DIR}}/${{name}}.tar.gz DESTINATION ${{name}})
endmacro()
get(called {far}/called-1.0.tar.gz)
execute_process(COMMAND ${{CMAKE_COMMAND}} -E echo_append {far}/told-1.0.tar.gz OUTPUT_VARIABLE address)
get(told ${{address}})
ExternalProject_Add(later URL {far}/later-1.0.tar.gz  # a comment (with a parenthesis
  URL_HASH SHA256={later} CONFIGURE_COMMAND "" BUILD_COMMAND "" INSTALL_COMMAND
  ${{CMAKE_COMMAND}} -E copy <SOURCE_DIR>/later.txt ${{CMAKE_INSTALL_PREFIX}}/backends/part/later.txt)
add_subdirectory(below)
set(HERE ${{CMAKE_CURRENT_BINARY_DIR}})
install(FILES ${{plain_SOURCE_DIR}}/plain.txt ${{joined_SOURCE_DIR}}/joined.txt
  ${{listed_SOURCE_DIR}}/listed.txt
  ${{HERE}}/called/called/called.txt ${{HERE}}/told/told/told.txt ${{inside_BINARY_DIR}}/inside.txt
  ${{HERE}}/below/below.txt DESTINATION backends/part)
"""
INNER = """
cmake_minimum_required(VERSION 3.18)
project({name} NONE)
include(FetchContent)
FetchContent_Declare({name}_archive URL {far}/{name}-1.0.tar.gz)
FetchContent_MakeAvailable({name}_archive)
configure_file(${{{name}_archive_SOURCE_DIR}}/{name}.txt {name}.txt COPYONLY)
"""


@pytest.fixture
def near() -> Iterator[Files]:
    """A mirror of the archives."""
    with serving() as files:
        for name in NAMES:
            files.content[f"/near/{name}-1.0.tar.gz"] = tar({f"{name}/{name}.txt": name})
        yield files


@pytest.fixture
def words(tmp_path: Path, near: Files) -> list[str]:
    """A selection; no address that its sources name is anywhere."""
    mirrors = tmp_path / "mirrors"
    mirrors.mkdir()
    texts = {name: hashlib.sha256(near.content[f"/near/{name}-1.0.tar.gz"]).hexdigest() for name in NAMES}
    make(mirrors, "inside", {"CMakeLists.txt": INNER.format(name="inside", far=FAR)})
    below = make(mirrors, "below", {"CMakeLists.txt": "include(get.cmake)"})
    (below / "get.cmake").write_text(INNER.format(name="below", far=FAR))
    git(below, "add", ".")
    git(below, "commit", "--quiet", "--message", "two")
    part = make(mirrors, "part", {"CMakeLists.txt": PART.format(far=FAR, **texts)})
    submodule(part, below, "below", "../below.git")
    git(part, "commit", "--quiet", "--all", "--message", "two")
    (tmp_path / "small.toml").write_text(catalogue_of("small", "Downloads archives", "submodules = true\n"))
    (tmp_path / "mirrors.toml").write_text(
        f'[git]\n"{SITE}/" = "file://{mirrors}/"\n"{FAR}/git/" = "file://{mirrors}/"\n'
        f'[archives]\n"https://files." = "https://wrong.example/"\n"{FAR}/" = "{near.address}/near/"\n'
    )
    selection = ["--no-core-build", "--no-container-build", "--backend=part"]
    return [f"--catalogue={tmp_path}/small.toml", *selection, f"--mirrors={tmp_path}/mirrors.toml"]


def test_every_archive_comes_from_the_mirror(tmp_path: Path, words: list[str], near: Files) -> None:
    folder = tmp_path / "a größer 'build'"
    for _ in ("the first time", "once more, over what is there"):
        assert main(["build", *words, f"--build-dir={folder}"]) == 0
    part = folder / "opt" / "server" / "backends" / "part"
    assert {path.name: path.read_text() for path in part.iterdir()} == {f"{name}.txt": name for name in NAMES}
    assert set(near.asked) == {f"/near/{name}-1.0.tar.gz" for name in NAMES}


def test_git_sees_no_change_in_what_is_rewritten(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "build"
    assert main(["build", *words, f"--build-dir={folder}"]) == 0
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / "gitconfig"))
    monkeypatch.setenv("TRILITH_ARCHIVES", str(folder / "archives"))
    for clone in (
        folder / "backend-part" / "source",
        folder / "backend-part" / "build" / "_deps" / "inside-src",
    ):
        assert "trilith_rules" in (clone / "CMakeLists.txt").read_text()
        (clone / "CMakeLists.txt").touch()
        told = subprocess.run(["git", "status", "--short"], cwd=clone, capture_output=True, check=True)
        assert told.stdout == b""


def test_a_folder_is_a_mirror_too(tmp_path: Path, words: list[str], near: Files) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for path, content in near.content.items():
        (files / Path(path).name).write_bytes(content)
    rules = tmp_path / "mirrors.toml"
    rules.write_text(rules.read_text().replace(f"{near.address}/near/", f"{files}/"))
    assert main(["build", *words, f"--build-dir={tmp_path}/build"]) == 0
    assert not near.asked


def test_scripts_without_such_rules_are_as_they_were(tmp_path: Path, words: list[str]) -> None:
    rules = tmp_path / "mirrors.toml"
    rules.write_text(rules.read_text().partition("[archives]")[0])
    assert main(["build", *words, f"--build-dir={tmp_path}/build", "--dryrun"]) == 0
    assert "trilith_rules" not in (tmp_path / "build" / "cmake_build").read_text()
