"""Downloads, from a server that does what servers do on bad days."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.faults import Files, serving
from trilith.build import downloads
from trilith.build.downloads import Wish, download
from trilith.build.mirrors import Mirrors
from trilith.build.problems import BuildError
from trilith.build.store import Store

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ADDRESS = "https://nowhere.example/data.tar.gz"


@pytest.fixture
def files() -> Iterator[Files]:
    with serving() as served:
        served.content["/data.tar.gz"] = CONTENT
        yield served


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def get(files: Files, store: Store, sha256: str = SHA256) -> str:
    rules = Mirrors({"archives": {"https://nowhere.example/": f"{files.address}/"}})
    return download(Wish("archive data", ADDRESS, sha256), store, rules)


def nothing_half_left(store: Store) -> bool:
    return not (store.root / "blobs").exists() or not list((store.root / "blobs").iterdir())


def test_a_file_lands_under_its_hash_and_is_not_fetched_twice(files: Files, store: Store) -> None:
    assert get(files, store) == get(files, store) == SHA256
    assert store.blob(SHA256).read_bytes() == CONTENT
    assert files.asked["/data.tar.gz"] == 1


def test_a_broken_download_goes_on_where_it_stopped(files: Files, store: Store) -> None:
    files.cut_after["/data.tar.gz"] = 300_000
    assert get(files, store) == SHA256
    assert files.ranges == ["bytes=300000-"]


def test_a_later_run_goes_on_where_an_interrupted_one_stopped(files: Files, store: Store) -> None:
    store.unfinished(SHA256).write_bytes(CONTENT[:1000])
    assert get(files, store) == SHA256
    assert files.ranges == ["bytes=1000-"]


def test_what_was_fetched_before_and_does_not_belong_here_is_thrown_away(files: Files, store: Store) -> None:
    store.unfinished(SHA256).write_bytes(CONTENT + b"more")
    assert get(files, store) == SHA256


def test_half_a_download_is_said_and_kept_out_of_the_store(files: Files, store: Store) -> None:
    files.cut_after["/data.tar.gz"] = 10
    files.always_cut = True
    with pytest.raises(BuildError, match=r"archive data: cannot be fetched .* half a download: 10 of"):
        get(files, store)
    assert nothing_half_left(store)


def test_another_file_is_refused_and_nothing_of_it_is_kept(files: Files, store: Store) -> None:
    with pytest.raises(BuildError, match=rf"archive data: .*expected SHA-256 {'0' * 64}, received {SHA256}"):
        get(files, store, "0" * 64)
    assert nothing_half_left(store)
    assert not store.unfinished("0" * 64).exists()


def test_an_archive_that_moved_is_named_with_the_rule(files: Files, store: Store) -> None:
    files.content.clear()
    with pytest.raises(BuildError) as caught:
        get(files, store)
    assert "is not at http://127.0.0.1" in str(caught.value)
    assert "rule 'https://nowhere.example/' of mirrors.toml" in str(caught.value)
    assert "answers 404" in str(caught.value)


def test_a_server_that_says_nothing_is_given_up(
    files: Files, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "SECONDS", 0.1)
    files.silent = threading.Event()
    with pytest.raises(BuildError, match=r"archive data: cannot be fetched .*timed out"):
        get(files, store)


def test_a_mirror_that_is_down_is_named_without_its_token(store: Store) -> None:
    rules = Mirrors({"archives": {"https://nowhere.example/": "http://user:hunter2@127.0.0.1:9/"}})
    with pytest.raises(BuildError) as caught:
        download(Wish("archive data", ADDRESS, SHA256), store, rules)
    assert "127.0.0.1:9" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_full_disk_is_said(files: Files, store: Store) -> None:
    store.unfinished(SHA256).symlink_to("/dev/full")
    with pytest.raises(BuildError, match=r"archive data: the disk of .* is full"):
        get(files, store)


def test_a_file_without_a_known_hash_tells_it(files: Files, store: Store) -> None:
    assert get(files, store, "") == SHA256


def test_a_folder_will_do_as_a_mirror(tmp_path: Path, store: Store) -> None:
    folder = tmp_path / "größe x"
    folder.mkdir()
    (folder / "data.tar.gz").write_bytes(CONTENT)
    rules = Mirrors({"archives": {"https://nowhere.example/": f"{folder.as_uri()}/"}})
    assert download(Wish("archive data", ADDRESS, SHA256), store, rules) == SHA256


def test_a_mirror_with_a_password_is_given_it_and_nobody_else(files: Files, store: Store) -> None:
    files.wanted = "Basic bWU6aHVudGVyIDI="
    rule = files.address.replace("http://", "http://me:hunter%202@")
    rules = Mirrors({"archives": {"https://nowhere.example/": f"{rule}/"}})
    assert download(Wish("archive data", ADDRESS, SHA256), store, rules) == SHA256
    with pytest.raises(BuildError, match="archive data: ") as caught:
        get(files, Store(store.root / "other"))
    assert "401" in str(caught.value)
