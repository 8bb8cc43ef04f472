"""A small family of repositories, built by the emitted script from mirrors, with the network cut."""

import shutil
import subprocess
from pathlib import Path

import pytest

from support.family import SITE, catalogue_of, commit, make, submodule
from trilith.cli.main import main

pytestmark = pytest.mark.usefixtures("cmake_of_the_environment")

PART = f"""
cmake_minimum_required(VERSION 3.18)
project(part NONE)
option(WITH_EXTRAS "Extras" OFF)
include(FetchContent)
include(ExternalProject)
FetchContent_Declare(common GIT_REPOSITORY {SITE}/common.git GIT_TAG main)
FetchContent_MakeAvailable(common)
ExternalProject_Add(outside
  GIT_REPOSITORY {SITE}/outside.git
  GIT_TAG main
  CMAKE_CACHE_ARGS -DCMAKE_INSTALL_PREFIX:PATH=${{CMAKE_INSTALL_PREFIX}})
file(WRITE "${{CMAKE_CURRENT_BINARY_DIR}}/extras.txt" "${{WITH_EXTRAS}}")
install(FILES ${{CMAKE_CURRENT_BINARY_DIR}}/extras.txt inner/inner.txt ${{common_SOURCE_DIR}}/common.txt
  DESTINATION backends/part)
"""
# Configured while the outer project is built, and fetches once more.
OUTSIDE = f"""
cmake_minimum_required(VERSION 3.18)
project(outside NONE)
include(FetchContent)
FetchContent_Declare(deep GIT_REPOSITORY {SITE}/deep.git GIT_TAG main)
FetchContent_MakeAvailable(deep)
install(FILES ${{deep_SOURCE_DIR}}/deep.txt DESTINATION backends/part)
"""
NOTHING = "cmake_minimum_required(VERSION 3.18)\nproject(nothing NONE)\n"
MORE = """
submodules = true
[backend.part.options]
WITH_EXTRAS = { type = "BOOL", default = "OFF" }
"""


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    """Repositories in a folder whose name a careless script trips over."""
    folder = tmp_path / "mirrors of größe"
    folder.mkdir()
    make(folder, "inner", {"inner.txt": "inner"})
    make(folder, "common", {"CMakeLists.txt": NOTHING, "common.txt": "common"})
    make(folder, "deep", {"CMakeLists.txt": NOTHING, "deep.txt": "deep"})
    make(folder, "outside", {"CMakeLists.txt": OUTSIDE})
    part = make(folder, "part", {"CMakeLists.txt": PART})
    # As upstream has them: one submodule beside its parent.
    submodule(part, folder / "inner.git", "inner", "../inner.git")
    commit(part)
    return folder


def isolated() -> list[str]:
    """Return the words that cut a command off from every network, where the machine lets one do so."""
    words = ["unshare", "--user", "--map-root-user", "--net"]
    can = (
        shutil.which("unshare")
        and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    )
    return words if can else []


def offline_command(folder: Path, mirrors: Path) -> list[str]:
    """Write the script and return the command that runs it."""
    (folder / "family.toml").write_text(catalogue_of("family", "A small family", MORE))
    (folder / "mirrors.toml").write_text(f'[git]\n"{SITE}/" = "file://{mirrors}/"\n')
    words = [f"--catalogue={folder}/family.toml", "--no-core-build", "--no-container-build", "--backend=part"]
    words += ["--extra-backend-cmake-arg=part:WITH_EXTRAS=a b;$c", f"--mirrors={folder}/mirrors.toml"]
    assert main(["build", *words, f"--build-dir={folder}/a build", "--dryrun"]) == 0
    return [*isolated(), str(folder / "a build" / "cmake_build")]


def test_clones_submodules_and_nested_fetches_come_from_mirrors(tmp_path: Path, mirrors: Path) -> None:
    command = offline_command(tmp_path, mirrors)
    for _ in ("the first time", "once more, over what is there"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    result = tmp_path / "a build" / "opt" / "server" / "backends" / "part"
    assert {path.name: path.read_text() for path in result.iterdir()} == {
        "common.txt": "common",
        "deep.txt": "deep",
        "extras.txt": "a b;$c",
        "inner.txt": "inner",
    }


def test_a_mirror_that_is_gone_leaves_no_half_clone(tmp_path: Path, mirrors: Path) -> None:
    command = offline_command(tmp_path, mirrors)
    shutil.rmtree(mirrors / "part.git")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "part.git" in done.stderr
    assert not (tmp_path / "a build" / "backend-part" / "source").exists()
