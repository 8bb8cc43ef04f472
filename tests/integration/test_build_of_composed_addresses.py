"""Sources that put addresses together while they are configured, and clone by commit: built from a bundle."""

import hashlib
import shutil
from pathlib import Path

import pytest

from support.family import SITE, catalogue_of, commit, git, make, submodule, tar
from trilith.build.assembling.proof import ways
from trilith.cli.main import main

FILES = "https://files.nowhere.example"
NAMES = ("joined", "listed", "called", "written", "inside", "deepest")
NOTHING = "cmake_minimum_required(VERSION 3.18)\nproject(nothing NONE)\n"

# By what is found in it, how CMake comes to the address of an archive.
PART = """
cmake_minimum_required(VERSION 3.18)
project(part VERSION 1.0 LANGUAGES NONE)
include(FetchContent)
include(ExternalProject)
option(WITH_LATER "Decided while it is configured" OFF)
set(FILES {files} CACHE STRING "")
set(UNDERSCORED 1_0)
string(REPLACE "_" "." DOTTED ${{UNDERSCORED}})
FetchContent_Declare(joined URL ${{FILES}}/joined-${{DOTTED}}.tar.gz URL_HASH SHA256={joined})
list(APPEND MIRRORS "{files}/listed-${{PROJECT_VERSION}}.tar.gz")
list(APPEND MIRRORS "https://second.nowhere.example/listed-${{PROJECT_VERSION}}.tar.gz")
FetchContent_Declare(listed URL ${{MIRRORS}} URL_HASH SHA256={listed})
FetchContent_MakeAvailable(joined listed)
function(get name)
  cmake_parse_arguments(A "" "VERSION" "" ${{ARGN}})
  string(CONCAT address "${{FILES}}" / ${{name}} - ${{A_VERSION}} .tar.gz)
  file(DOWNLOAD "${{address}}" ${{CMAKE_CURRENT_BINARY_DIR}}/${{name}}.tar.gz EXPECTED_HASH SHA256={called})
endfunction()
get(called VERSION 1.0)
file(ARCHIVE_EXTRACT INPUT ${{CMAKE_CURRENT_BINARY_DIR}}/called.tar.gz DESTINATION called)
set(WRITTEN ${{CMAKE_CURRENT_BINARY_DIR}}/written.tar.gz)
execute_process(COMMAND ${{CMAKE_COMMAND}} -E echo_append {files}/ OUTPUT_VARIABLE told)
file(DOWNLOAD ${{told}}written-1.0.tar.gz ${{WRITTEN}})
file(ARCHIVE_EXTRACT INPUT ${{WRITTEN}} DESTINATION written)
if(WITH_LATER)
  file(DOWNLOAD {files}/never-${{DOTTED}}.tar.gz never.tar.gz)
endif()
if(EXISTS /nowhere/at/all)
  file(DOWNLOAD {files}/sometimes-${{DOTTED}}.tar.gz sometimes.tar.gz)
endif()
set(COMMIT {commit})
FetchContent_Declare(inside GIT_REPOSITORY {site}/inside.git GIT_TAG ${{COMMIT}} GIT_SHALLOW ON)
FetchContent_MakeAvailable(inside)
ExternalProject_Add(outside GIT_REPOSITORY {site}/outside GIT_TAG {outside} GIT_SHALLOW ON
  CMAKE_CACHE_ARGS -DCMAKE_INSTALL_PREFIX:PATH=${{CMAKE_INSTALL_PREFIX}})
set(HERE ${{CMAKE_CURRENT_BINARY_DIR}})
install(FILES ${{joined_SOURCE_DIR}}/joined.txt ${{listed_SOURCE_DIR}}/listed.txt
  ${{HERE}}/called/called/called.txt
  ${{HERE}}/written/written/written.txt ${{inside_BINARY_DIR}}/inside.txt DESTINATION backends/part)
"""
# Cloned by its commit, and unpacks an archive whose address is written out.
INSIDE = """
cmake_minimum_required(VERSION 3.18)
project(inside NONE)
include(FetchContent)
FetchContent_Declare(archive URL {files}/inside-1.0.tar.gz)
FetchContent_MakeAvailable(archive)
configure_file(${{archive_SOURCE_DIR}}/inside.txt inside.txt COPYONLY)
"""
# Configured while the part is built; what its submodule's submodule is for stands in a file of that.
OUTSIDE = """
cmake_minimum_required(VERSION 3.18)
project(outside NONE)
add_subdirectory(below)
"""
BELOW = """
include(cmake/get.cmake)
install(FILES ${{CMAKE_CURRENT_BINARY_DIR}}/deepest/deepest/deepest.txt DESTINATION backends/part)
"""
GET = """
set(version 1.0)
set(archive ${{CMAKE_CURRENT_BINARY_DIR}}/deepest.tar.gz)
file(DOWNLOAD {files}/deepest-${{version}}.tar.gz ${{archive}})
file(ARCHIVE_EXTRACT INPUT ${{archive}} DESTINATION ${{CMAKE_CURRENT_BINARY_DIR}}/deepest)
"""
MORE = f"""
third_party = ["third_party.written", "third_party.outside"]
[third_party.written]
description = "Only CMake knows its address"
by = "archive"
address = "{FILES}/written-1.0.tar.gz"
pinned = false
written = ["${{told}}written-1.0.tar.gz"]
[third_party.outside]
description = "Built while the part is built"
by = "git"
address = "{SITE}/outside"
ref = "OUTSIDE"
[third_party.below]
description = "A submodule of it"
by = "submodule"
inside = "third_party.outside"
path = "below"
address = "{SITE}/below.git"
left_out = ["unused"]
left_out_reason = "belongs to its tests"
"""


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Repositories and archives in a folder, with a catalogue and rules beside."""
    folder = tmp_path_factory.mktemp("composed")
    mirrors = folder / "mirrors"
    (mirrors / "files").mkdir(parents=True)
    texts = {"files": FILES, "site": SITE}
    for name in (*NAMES, "sometimes"):
        content = tar({f"{name}/{name}.txt": name})
        (mirrors / "files" / f"{name}-1.0.tar.gz").write_bytes(content)
        texts[name] = hashlib.sha256(content).hexdigest()
    inside = make(mirrors, "inside", {"CMakeLists.txt": INSIDE.format(**texts)})
    texts["commit"] = git(inside, "rev-parse", "HEAD")
    (inside / "later").write_text("a branch that moved on")
    commit(inside)
    unused = make(mirrors, "unused", {"unused.txt": "unused"})
    below = make(mirrors, "below", {"CMakeLists.txt": BELOW.format(**texts)})
    (below / "cmake").mkdir()
    (below / "cmake" / "get.cmake").write_text(GET.format(**texts))
    submodule(below, unused, "unused", "../unused.git")
    commit(below)
    outside = make(mirrors, "outside", {"CMakeLists.txt": OUTSIDE.format(**texts)})
    submodule(outside, below, "below", "../below.git")
    texts["outside"] = git(commit(outside), "rev-parse", "HEAD")
    shutil.rmtree(unused)  # what is left out need not be anywhere
    make(mirrors, "part", {"CMakeLists.txt": PART.format(**texts)})
    (folder / "composed.toml").write_text(
        catalogue_of("composed", "Puts addresses together", MORE.replace("OUTSIDE", texts["outside"]))
    )
    (folder / "mirrors.toml").write_text(
        f'[git]\n"{SITE}/" = "file://{mirrors}/"\n[archives]\n"{FILES}/" = "file://{mirrors}/files/"\n'
    )
    return folder


def words(family: Path) -> list[str]:
    names = ["--no-core-build", "--no-container-build", "--backend=part"]
    return [f"--catalogue={family}/composed.toml", *names, f"--mirrors={family}/mirrors.toml"]


@pytest.fixture(scope="module")
def locked(family: Path) -> Path:
    """A lock, with all of it in a store beside."""
    lock, store = family / "L", family / "store"
    assert main(["build", "lock", *words(family), f"--output={lock}", f"--store={store}"]) == 0
    rules = f"--mirrors={family}/mirrors.toml"
    assert main(["build", "fetch", f"--lock={lock}", f"--to={store}", rules, "--quiet"]) == 0
    return lock


def test_the_lock_holds_what_the_sources_put_together(locked: Path) -> None:
    text = locked.read_text()
    assert "second.nowhere.example" not in text, "one address of several is enough"
    for name in NAMES:
        assert f'address = "{FILES}/{name}-1.0.tar.gz"' in text
    assert "never-1.0" not in text
    assert 'address = "https://nowhere.example/family/inside.git"' in text
    assert "unused.git" not in text


def test_what_is_fetched_under_some_conditions_is_told_and_not_locked(locked: Path) -> None:
    text = locked.read_text()
    notes = [line for line in text.splitlines() if "sometimes-1.0" in line]
    assert len(notes) == 1
    assert "fetched only under some conditions" in notes[0]
    assert "backend.part/CMakeLists.txt:30" in notes[0]


@pytest.mark.usefixtures("cmake_of_the_environment")
def test_all_of_it_is_built_without_a_network(
    family: Path, locked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, folder = tmp_path / "out.tar", tmp_path / "a größer build"
    assert main(["build", "bundle", f"--lock={locked}", f"--store={family}/store", str(bundle)]) == 0
    cut = ways()
    prove = ["--prove"] if cut.namespace or cut.trace else []
    command = ["build", "--from", str(bundle), f"--build-dir={folder}", "--quiet", *prove]
    for _ in ("the first time", "once more, over what is there"):
        status = main(command)
        assert status == 0, capsys.readouterr().err + (folder / "build.log").read_text()
    part = folder / "opt" / "server" / "backends" / "part"
    assert {path.name: path.read_text() for path in part.iterdir()} == {f"{name}.txt": name for name in NAMES}
    commits = (folder / "commits.txt").read_text()
    assert git(family / "mirrors" / "part.git", "rev-parse", "HEAD") in commits, "commits stay what they were"


def test_mirror_check_looks_into_the_sources(
    family: Path, locked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "mirrors.toml"
    rules.write_text(f'[git]\n"{SITE}/" = "file://{family}/mirrors/"\n')
    assert main(["build", "mirror", "check", *words(family)[:-1], f"--mirrors={rules}"]) == 1
    by_folders = capsys.readouterr().out
    check = ["build", "mirror", "check", f"--lock={locked}", f"--store={family}/store"]
    assert main([*check, f"--mirrors={rules}"]) == 1
    by_lock = capsys.readouterr().out
    for shown in (by_folders, by_lock):
        assert f"archives: {FILES}/joined-1.0.tar.gz (backend.part/CMakeLists.txt:10)" in shown
        assert "https://second.nowhere.example/listed-1.0.tar.gz" in shown
        assert f"archives: {FILES}/sometimes-1.0.tar.gz" in shown
    assert f"{FILES}/deepest-1.0.tar.gz" in by_lock, "submodules are in the store too"
    assert main([*check, f"--mirrors={family}/mirrors.toml"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("archives: https://second.nowhere.example/listed-1.0.tar.gz")


def test_an_address_that_only_cmake_knows_is_named(
    family: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = tmp_path / "composed.toml"
    text = (family / "composed.toml").read_text()
    catalogue.write_text(text.replace('written = ["${told}written-1.0.tar.gz"]\n', ""))
    command = ["build", "mirror", "check", f"--catalogue={catalogue}", *words(family)[1:]]
    assert main(command) == 1
    shown = capsys.readouterr()
    assert "archives: ${told}written-1.0.tar.gz (backend.part/CMakeLists.txt:" in shown.out
    assert "put together while CMake runs" in shown.out
    assert "1 are put together while CMake runs: rules are applied then" in shown.err
