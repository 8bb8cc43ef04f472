"""Source trees of this machine."""

import tarfile
from pathlib import Path

import pytest

from support.family import commit, make
from trilith.build import Store
from trilith.build.locking.model import LockedCrate
from trilith.build.locking.sources import lock_crates, lock_source
from trilith.build.problems import BuildError

CARGO = '[[package]]\nname = "a"\nversion = "1.0.0"\nsource = "registry+x"\nchecksum = "{sha256}"\n'


def tree(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return make(
        folder, "tree", {"pyproject.toml": "", "Cargo.lock": "", ".gitignore": "ignored\n", "größe": "x"}
    )


def test_the_same_files_are_the_same_archive_wherever_they_lie(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    first, second = (lock_source("core.server", tree(tmp_path / name), store) for name in ("a", "b c"))
    assert first == second
    with tarfile.open(store.blob(first.sha256)) as archive:
        assert archive.getnames() == [".gitignore", "Cargo.lock", "größe", "pyproject.toml"]


def test_what_git_ignores_and_where_it_is_built_is_no_source(tmp_path: Path) -> None:
    folder = tree(tmp_path / "a")
    store = Store(tmp_path / "store")
    before = lock_source("core.server", folder, store, folder / "build")
    assert before.commit, "it is as it was committed"
    (folder / "ignored").write_text("x")
    (folder / "build").mkdir()
    (folder / "build" / "made").write_text("x")
    assert lock_source("core.server", folder, store, folder / "build").sha256 == before.sha256
    (folder / "größe").write_text("y")
    changed = lock_source("core.server", folder, store, folder / "build")
    assert (changed.sha256 != before.sha256, changed.commit) == (True, "")
    commit(folder)


def test_what_builds_leave_beside_the_sources_is_no_source(tmp_path: Path) -> None:
    """Lock, fetch, bundle and image in the source tree: the next lock is the same."""
    folder = tree(tmp_path / "a")
    before = lock_source("core.server", folder, Store(tmp_path / "store"))
    for name in (
        "trilith-build.lock",
        "server.tar",
        "store/blobs/0",
        "image/blobs/sha256/0",
        "other/brick_build",
        "small/share/trilith/manifest.json",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    after = lock_source("core.server", folder, Store(tmp_path / "store"))
    assert (after.sha256, after.files) == (before.sha256, before.files)


def test_a_folder_that_holds_no_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"core\.server: there are no sources of the server in"):
        lock_source("core.server", tmp_path, Store(tmp_path / "store"))


def test_crates_are_those_of_cargo_lock(tmp_path: Path) -> None:
    (tmp_path / "Cargo.lock").write_text(
        CARGO.format(sha256="0" * 64) + '[[package]]\nname = "own"\nversion = "1"\n'
    )
    assert lock_crates(tmp_path) == [LockedCrate("a", "1.0.0", "0" * 64)]
    (tmp_path / "Cargo.lock").write_text('[[package]]\nname = "b"\nversion = "1"\nsource = "git+https://x"\n')
    with pytest.raises(BuildError, match=r"b comes from git\+https://x, which has no hash"):
        lock_crates(tmp_path)
