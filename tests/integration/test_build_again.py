"""Builds that run once more over what is there: they do what changed, and nothing else."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from support.family import SITE, catalogue_of, commit, git, make, submodule, tar
from trilith.cli.main import main

pytestmark = pytest.mark.usefixtures("cmake_of_the_environment")

# Two things that are made of a file each, and one whose file says where an archive is: builders change that.
PART = """
cmake_minimum_required(VERSION 3.18)
project(part NONE)
include(data.cmake)
foreach(from one.in inner/two.in data.cmake)
  get_filename_component(name ${from} NAME_WE)
  add_custom_command(OUTPUT ${name}.txt
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_SOURCE_DIR}/${from} ${name}.txt
    COMMAND sh -c "echo ${name} >>$LOG" VERBATIM DEPENDS ${from})
endforeach()
add_custom_target(everything ALL DEPENDS one.txt two.txt data.txt)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/one.txt ${CMAKE_CURRENT_BINARY_DIR}/two.txt
  DESTINATION backends/part)
"""
DATA = """
include(FetchContent)
FetchContent_Declare(data URL https://files.nowhere.example/data-1.0.tar.gz)
FetchContent_MakeAvailable(data)
"""


@dataclass
class Sources:
    """Repositories, and what was made of them."""

    folder: Path
    words: list[str]
    """The selection."""

    def change(self, name: str, text: str) -> None:
        """Commit another text of a file of the part, or of its submodule."""
        part, inner = (self.folder / "mirrors" / f"{one}.git" for one in ("part", "inner"))
        if name == "two.in":
            (inner / name).write_text(text)
            commit(inner)
            git(part / "inner", "pull", "--quiet")
        else:
            (part / name).write_text(text)
        commit(part)

    def made(self) -> list[str]:
        """Return what was made since the last call."""
        log = self.folder / "log"
        names = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return sorted(names)

    def at(self, *ways: str) -> list[str]:
        """Run a build in one folder; what was made."""
        assert main(["build", *ways, f"--build-dir={self.folder}/build"]) == 0
        return self.made()

    def locked(self, *, bundle: bool) -> list[str]:
        """Lock what there is now; the words for a build of it, from a store or from a bundle."""
        lock, store, out = (self.folder / name for name in ("L", "S", "out.tar"))
        lock.unlink(missing_ok=True)
        assert main(["build", "lock", *self.words, f"--output={lock}", f"--store={store}"]) == 0
        assert main(["build", "fetch", f"--lock={lock}", f"--to={store}", "--quiet"]) == 0
        if not bundle:
            return [f"--lock={lock}", f"--store={store}"]
        out.unlink(missing_ok=True)
        assert main(["build", "bundle", f"--lock={lock}", f"--store={store}", str(out)]) == 0
        return [f"--from={out}"]

    def text(self, name: str) -> str:
        """Return a file that was made; CMake does not install it again in the same second."""
        return (self.folder / "build" / "backend-part" / "build" / name).read_text()


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    """A part with a submodule and an archive."""
    mirrors = tmp_path / "mirrors"
    mirrors.mkdir()
    inner = make(mirrors, "inner", {"two.in": "two"})
    part = make(mirrors, "part", {"CMakeLists.txt": PART, "data.cmake": DATA, "one.in": "one"})
    submodule(part, inner, "inner", "../inner.git")
    commit(part)
    archive = tmp_path / "data-1.0.tar.gz"
    archive.write_bytes(tar({"data/data.txt": "data"}))
    keys = 'submodules = true\nthird_party = ["third_party.data"]\n[third_party.data]\n'
    keys += 'description = "Data"\nby = "archive"\npinned = false\n'
    keys += 'address = "https://files.nowhere.example/data-1.0.tar.gz"\n'
    (tmp_path / "again.toml").write_text(catalogue_of("again", "Built again", keys))
    (tmp_path / "mirrors.toml").write_text(
        f'[git]\n"{SITE}/" = "file://{mirrors}/"\n'
        f'[archives]\n"https://files.nowhere.example/" = "file://{tmp_path}/"\n'
    )
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("TRILITH_STORE", str(tmp_path / "store"))
    selection = [f"--catalogue={tmp_path}/again.toml", "--no-core-build", "--no-container-build"]
    return Sources(tmp_path, [*selection, "--backend=part", f"--mirrors={tmp_path}/mirrors.toml"])


def test_sources_as_they_are_found(sources: Sources) -> None:
    assert sources.at(*sources.words) == ["data", "one", "two"]
    assert sources.at(*sources.words) == []
    sources.change("one.in", "another")
    assert sources.at(*sources.words) == ["one"]
    sources.change("two.in", "an other")
    assert sources.at(*sources.words) == ["two"]
    assert (sources.text("one.txt"), sources.text("two.txt")) == ("another", "an other")


@pytest.mark.parametrize("bundle", [False, True], ids=["lock", "bundle"])
def test_what_was_locked(sources: Sources, *, bundle: bool) -> None:
    """A new lock does what changed since the one before."""
    ways = sources.locked(bundle=bundle)
    assert sources.at(*ways) == ["data", "one", "two"]
    assert sources.at(*ways) == []
    sources.change("two.in", "another")
    assert sources.at(*sources.locked(bundle=bundle)) == ["two"]
    assert (sources.text("one.txt"), sources.text("two.txt")) == ("one", "another")
    sources.change("one.in", "an other")
    assert sources.at(*sources.locked(bundle=bundle)) == ["one"]


def test_what_somebody_changed_by_hand_is_what_the_sources_say_again(sources: Sources) -> None:
    sources.at(*sources.words)
    clone = sources.folder / "build" / "backend-part" / "source"
    (clone / "one.in").write_text("by hand")
    (clone / "CMakeLists.txt").touch()
    (clone / "of nobody.in").write_text("new")
    assert sources.at(*sources.words) == ["one"]
    assert sources.text("one.txt") == "one"
    assert not (clone / "of nobody.in").exists()
    unfiltered = ("CMakeLists.txt", "one.in", "inner")
    assert git(clone, "diff-index", "HEAD", "--", *unfiltered) == "", "git knows the times of the files"


def test_a_clone_that_is_to_be_kept_is_kept(sources: Sources) -> None:
    sources.at(*sources.words)
    (sources.folder / "build" / "backend-part" / "source" / "one.in").write_text("by hand")
    sources.change("two.in", "another")
    assert sources.at("--no-force-clone", *sources.words) == ["one"]
    assert sources.text("one.txt") == "by hand"
