"""Fetching from what is near: another store, cargo's cache; and builds that would meet."""

import errno
import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from trilith.build import Lock, Mirrors, Origin, Store, fetch
from trilith.build.assembling.running import alone
from trilith.build.fetching.packages import fetch_crates
from trilith.build.locking.model import LockedArchive, LockedCrate, LockedSource, LockedWheel
from trilith.build.problems import BuildError

CONTENT = b"a crate"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
LOCK = Lock("x", "p", 0)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cargo's folder, whose cache holds one crate."""
    cache = tmp_path / "cargo" / "registry" / "cache" / "somewhere"
    cache.mkdir(parents=True)
    (cache / "leaf-1.0.0.crate").write_bytes(CONTENT)
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "cargo"))
    return cache


def test_crates_come_from_cargos_own_cache(home: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    fetch_crates(replace(LOCK, crate=(LockedCrate("leaf", "1.0.0", SHA256),)), store, Mirrors())
    assert store.blob(SHA256).read_bytes() == CONTENT
    assert (home / "leaf-1.0.0.crate").is_file()


@pytest.mark.usefixtures("home")
def test_a_crate_with_another_hash_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="'cargo' is not on this machine"):
        fetch_crates(
            replace(LOCK, crate=(LockedCrate("leaf", "1.0.0", "0" * 64),)), Store(tmp_path / "s"), Mirrors()
        )


def test_what_another_store_has_is_copied_and_checked(tmp_path: Path) -> None:
    near, store = Store(tmp_path / "near"), Store(tmp_path / "store")
    archive = LockedArchive("data", "http://127.0.0.1:9/data", near.put_bytes(CONTENT))
    fetch(replace(LOCK, archive=(archive,)), store, Origin(Mirrors(), near=near))
    assert store.blob(SHA256).read_bytes() == CONTENT
    near.blob(SHA256).write_bytes(b"changed")
    with pytest.raises(BuildError, match="archive data: cannot be fetched"):
        fetch(replace(LOCK, archive=(archive,)), Store(tmp_path / "other"), Origin(Mirrors(), near=near))
    assert not Store(tmp_path / "other").blob(SHA256).exists()


def test_sources_that_are_not_here_are_asked_for(tmp_path: Path) -> None:
    locked = replace(LOCK, source=(LockedSource("core.server", SHA256),))
    with pytest.raises(BuildError, match=r"core\.server: its sources are not in the store of this user"):
        fetch(locked, Store(tmp_path / "s"), Origin(Mirrors(), near=Store(tmp_path / "n")))


def test_a_full_disk_stops_one_item_and_not_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near, store = Store(tmp_path / "near"), Store(tmp_path / "store")
    source = near.put_bytes(CONTENT)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("trilith.build.fetching.fetch_wheel", full)
    wheel = LockedWheel("numpy", "1", "numpy-1.whl", "1" * 64)
    locked = replace(LOCK, wheel=(wheel,), source=(LockedSource("core.server", source),))
    with pytest.raises(BuildError, match=r"wheel numpy-1\.whl: the disk of .*/store is full"):
        fetch(locked, store, Origin(Mirrors(), near=near))
    assert store.blob(source).is_file()


def test_one_build_at_a_time_uses_a_folder(tmp_path: Path) -> None:
    inside, done = threading.Event(), threading.Event()

    def first() -> None:
        with alone(tmp_path):
            inside.set()
            done.wait(30)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(30)
    with pytest.raises(BuildError, match="another build uses"), alone(tmp_path):
        pass
    done.set()
    thread.join()
    with alone(tmp_path):
        pass


def test_two_that_want_one_item_do_not_meet(tmp_path: Path) -> None:
    store, order = Store(tmp_path), list[str]()
    inside = threading.Event()

    def other() -> None:
        inside.wait(30)
        with store.claim("item"):
            order.append("second")

    thread = threading.Thread(target=other)
    with store.claim("item"):
        thread.start()
        inside.set()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
