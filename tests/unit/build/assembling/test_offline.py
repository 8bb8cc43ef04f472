"""What is laid out for a build."""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.family import AUTHOR, git, make, tar
from trilith.build import Lock, Mirrors, Store
from trilith.build.assembling.offline import Offline, lay_out
from trilith.build.locking.model import LockedArchive, LockedCrate, LockedGit, LockedSource
from trilith.build.problems import BuildError
from trilith.build.repositories import obtain, remote

ADDRESS = "https://nowhere.example/part.git"
ARCHIVE = "https://files.example/data.tar.gz"
LONG_AGO = 1_000_000_000


def source(store: Store, files: Mapping[str, str]) -> LockedSource:
    return LockedSource("core.server", store.put_bytes(tar(dict(files))), len(files))


def lock(**tables: object) -> Lock:
    return Lock("x", "p", 1, **tables)  # type: ignore[arg-type]


def test_a_source_that_did_not_change_keeps_its_time_and_another_gets_a_new_one(tmp_path: Path) -> None:
    store, folder = Store(tmp_path / "store"), tmp_path / "offline"
    first = lay_out(lock(source=(source(store, {"same": "a", "other": "a", "gone": "a"}),)), store, folder)
    for path in first.source.iterdir():
        os.utime(path, (LONG_AGO, LONG_AGO))
    lay_out(lock(source=(source(store, {"same": "a", "other": "b"}),)), store, folder)
    times = {path.name: path.stat().st_mtime for path in first.source.iterdir()}
    assert times.pop("same") == LONG_AGO
    assert times.pop("other") > LONG_AGO
    assert not times


def test_a_folder_keeps_its_time_while_it_holds_the_same_names(tmp_path: Path) -> None:
    store, folder = Store(tmp_path / "store"), tmp_path / "offline"
    files = {"proto/one": "a", "proto/two": "a", "src/one": "a"}
    first = lay_out(lock(source=(source(store, files),)), store, folder)
    for path in first.source.iterdir():
        os.utime(path, (LONG_AGO, LONG_AGO))
    lay_out(lock(source=(source(store, {**files, "proto/one": "b", "src/new": "a"}),)), store, folder)
    assert (first.source / "proto").stat().st_mtime == LONG_AGO
    assert (first.source / "src").stat().st_mtime > LONG_AGO


def laid_out(tmp_path: Path, text: str) -> Offline:
    """Lay out a repository whose CMake names an archive."""
    store = Store(tmp_path / "store")
    repository = make(tmp_path, "part", {"CMakeLists.txt": text, "README": f"see {ARCHIVE}"})
    commit = git(repository, "rev-parse", "HEAD")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    rules = Mirrors({"git": {ADDRESS: str(repository)}})
    obtain(store, commit, ("git part", ADDRESS, ""), remote(rules, scratch))
    locked = LockedGit("part", ADDRESS, "refs/heads/main", commit, "0" * 40, ("unused",), "not used")
    content = store.put_bytes(b"content")
    archive = LockedArchive("data", ARCHIVE, content)
    return lay_out(lock(git=(locked,), archive=(archive,)), store, tmp_path / "an öffline")


def clone(place: Offline, address: str, target: Path) -> subprocess.CompletedProcess[str]:
    words = ["git", *AUTHOR, "clone", "--quiet", "--branch=main", address, str(target)]
    environment = {**os.environ, **place.environment}
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS.removesuffix(".git")])
def test_addresses_in_cmake_files_become_files_and_no_others(tmp_path: Path, address: str) -> None:
    place = laid_out(tmp_path, f'set(URL "{ARCHIVE}")\n')
    assert clone(place, address, tmp_path / "cloned").returncode == 0
    text = (tmp_path / "cloned" / "CMakeLists.txt").read_text()
    name = text.split("$ENV{TRILITH_ARCHIVES}/")[1].split('"')[0]
    assert (Path(place.environment["TRILITH_ARCHIVES"]) / name).read_bytes() == b"content"
    assert name.endswith("/data.tar.gz"), "CMake tells the kind of an archive by its name"
    assert (tmp_path / "cloned" / "README").read_text() == f"see {ARCHIVE}"


def test_an_address_that_is_not_locked_is_nowhere(tmp_path: Path) -> None:
    place = laid_out(tmp_path, "")
    done = clone(place, "https://elsewhere.example/x.git", tmp_path / "cloned")
    assert done.returncode != 0
    assert "not-in-the-lock/elsewhere.example/x.git" in done.stderr


def test_submodules_that_are_left_out_are_so_wherever_it_is_cloned(tmp_path: Path) -> None:
    place = laid_out(tmp_path, "")
    clone(place, ADDRESS, tmp_path / "cloned")
    words = ["git", "config", "submodule.unused.update"]
    asked = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path / "cloned",
        env={**os.environ, **place.environment},
    )
    assert asked.stdout == "none\n"


def test_a_crate_that_wants_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    content = tar({"../escaped": "x"})
    crate = LockedCrate("leaf", "1.0.0", store.put_bytes(content))
    assert crate.sha256 == hashlib.sha256(content).hexdigest()
    with pytest.raises(BuildError, match=r"crate leaf-1\.0\.0: holds '\.\./escaped'"):
        lay_out(lock(crate=(crate,)), store, tmp_path / "offline")
    assert not list(tmp_path.rglob("escaped"))
