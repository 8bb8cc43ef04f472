"""Locks of a small family of repositories, and what is fetched for them."""

from dataclasses import replace
from pathlib import Path

import pytest

from support.family import SITE, Family, commit, git, make_family
from trilith.build import Host, Mirrors, Place, Plan, Store, fetch, load, lock, locking, plan, select
from trilith.build.bundling import bundle, check, unbundle
from trilith.build.fetching import Origin
from trilith.build.locking import Lock, from_text, moved, to_text
from trilith.build.locking.debian import Wanted
from trilith.build.locking.indexes import Indexes
from trilith.build.locking.model import LockedDebian
from trilith.build.mirrors import read
from trilith.build.problems import BuildError

HOST = Host("linux", "x86_64", 4)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    return make_family(tmp_path_factory.mktemp("family"))


def planned(family: Family, mirrors: Mirrors | None = None) -> Plan:
    catalogue = load(str(family.catalogue))
    selection, _, problems = select(family.words[1:], catalogue)
    assert not problems
    return plan(selection, catalogue, HOST, mirrors or read(family.rules))


@pytest.fixture(scope="module")
def made(family: Family, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lock, Store]:
    """A lock, and a store with all that it names."""
    store = Store(tmp_path_factory.mktemp("store"))
    locked = lock(planned(family), Place(store))
    fetch(locked, store, Origin(read(family.rules), near=store))
    return locked, store


def test_a_lock_is_the_same_text_wherever_it_is_made(
    family: Family, made: tuple[Lock, Store], tmp_path: Path
) -> None:
    again = lock(planned(family), Place(Store(tmp_path)))
    assert to_text(again) == to_text(made[0])
    assert moved(made[0], again) == []
    assert from_text(to_text(again)) == again


def test_a_lock_holds_the_closure_and_says_what_it_left_out(made: tuple[Lock, Store]) -> None:
    locked, _ = made
    assert [(item.of, item.path) for item in locked.submodule] == [
        ("backend.part", "inner"),
        ("backend.part", "inner/deeper"),
        ("third_party.outside", "used"),
        ("third_party.outside", "used/deeper"),
    ]
    outside = next(item for item in locked.git if item.name == "third_party.outside")
    assert (outside.left_out, outside.left_out_reason) == (("unused",), "belongs to its tests")
    assert {item.address for item in locked.submodule} == {f"{SITE}/inner.git", f"{SITE}/deeper.git"}
    assert locked.source_date_epoch == 1700000000


def test_everything_in_a_store_is_checked(made: tuple[Lock, Store]) -> None:
    check(*made)


@pytest.mark.parametrize("kind", ["blobs", "git"])
def test_a_changed_byte_stops_and_names_the_item(made: tuple[Lock, Store], tmp_path: Path, kind: str) -> None:
    locked, whole = made
    store = Store(tmp_path)
    fetch(locked, store, Origin(Mirrors(), near=whole))
    if kind == "git":
        path, name = store.pack(locked.git[0].commit), f"git {locked.git[0].name}"
    else:
        path, name = store.blob(locked.archive[0].sha256), f"archive {locked.archive[0].name}"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BuildError, match=f"{name}: changed in the store"):
        bundle(locked, store, tmp_path / "out.tar")
    assert not (tmp_path / "out.tar").exists()


def test_a_pack_of_something_else_is_no_commit(made: tuple[Lock, Store], tmp_path: Path) -> None:
    locked, whole = made
    store = Store(tmp_path)
    fetch(locked, store, Origin(Mirrors(), near=whole))
    one, other = locked.git[0].commit, locked.git[1].commit
    store.pack(one).write_bytes(store.pack(other).read_bytes())
    with pytest.raises(BuildError, match=f"git {locked.git[0].name}: changed in the store"):
        check(locked, store)


def test_bundles_are_the_same_bytes_and_are_read_back(made: tuple[Lock, Store], tmp_path: Path) -> None:
    first, second = (bundle(*made, tmp_path / name) for name in ("a ü.tar", "b.tar"))
    assert first.read_bytes() == second.read_bytes()
    locked, store = unbundle(first, tmp_path / "unpacked")
    assert locked == made[0]
    check(locked, store)


def test_a_changed_byte_in_a_bundle_is_found_before_anything_is_built(
    made: tuple[Lock, Store], tmp_path: Path
) -> None:
    locked, store = made
    path = bundle(locked, store, tmp_path / "out.tar")
    content, blob = bytearray(path.read_bytes()), store.blob(locked.archive[0].sha256).read_bytes()
    content[content.index(blob) + len(blob) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BuildError, match=f"archive {locked.archive[0].name}: changed in the bundle"):
        unbundle(path, tmp_path / "unpacked")


def test_a_bundle_for_another_machine_is_refused(made: tuple[Lock, Store], tmp_path: Path) -> None:
    other = replace(made[0], target={**made[0].target, "machine": "riscv64"})
    path = bundle(other, made[1], tmp_path / "out.tar")
    with pytest.raises(BuildError, match="is for riscv64, and this machine is"):
        unbundle(path, tmp_path / "unpacked")


@pytest.mark.parametrize("content", [b"", b"no archive", b"\0" * 20480])
def test_what_is_no_bundle_is_said_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(BuildError, match="is no bundle"):
        unbundle(tmp_path / "x.tar", tmp_path / "unpacked")


def test_what_is_missing_is_named_together(made: tuple[Lock, Store], tmp_path: Path) -> None:
    with pytest.raises(BuildError) as caught:
        check(made[0], Store(tmp_path))
    assert len(caught.value.problems) == len(made[0].blobs()) + len(made[0].commits())


def test_mirrors_that_are_down_are_named_with_their_rules_and_without_tokens(
    family: Family, tmp_path: Path
) -> None:
    rules = Mirrors({"git": {f"{SITE}/": f"http://me:hunter2@127.0.0.1:9/{tmp_path.name}/"}})
    with pytest.raises(BuildError) as caught:
        lock(planned(family, rules), Place(Store(tmp_path)))
    shown = str(caught.value)
    assert len([line for line in shown.splitlines() if f"rule '{SITE}/' of mirrors.toml" in line]) == 4
    assert "hunter2" not in shown
    assert "backend.part" in shown
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in left if b"hunter2" in path.read_bytes()]


def test_what_moved_is_said_and_a_commit_that_is_gone_names_its_rule(tmp_path: Path) -> None:
    family = make_family(tmp_path)
    store, origin = Store(tmp_path / "store"), Origin(read(family.rules), near=Store(tmp_path / "none"))
    before = lock(planned(family), Place(store))
    part = family.mirrors / "part.git"
    (part / "more.txt").write_text("more")
    commit(part)
    now = lock(planned(family), Place(store))
    assert [line.partition(":")[0] for line in moved(before, now)] == ["git backend.part", "git backend.part"]
    inner = family.mirrors / "inner.git"
    git(inner, "commit", "--quiet", "--amend", "--message", "another")
    git(inner, "reflog", "expire", "--expire=now", "--all")
    git(inner, "gc", "--quiet", "--prune=now")
    with pytest.raises(BuildError) as caught:
        fetch(before, Store(tmp_path / "other"), origin)
    assert "submodule used: commit" in str(caught.value)
    assert f"rule '{SITE}/' of mirrors.toml" in str(caught.value)
    gone = [problem for problem in caught.value.problems if "cannot be had" in problem.message]
    assert len(gone) == 1, "what could be fetched was"
    assert Store(tmp_path / "other").pack(before.git[0].commit).is_file()


@pytest.mark.parametrize("base", ["packages", "/srv/rootfs"])
def test_a_base_of_packages_has_those_that_bring_what_its_image_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    """The image that builds this server brings Rust; packages bring it where packages take its place."""
    asked: list[Wanted] = []

    def remember(*wanted: Wanted) -> list[LockedDebian]:
        asked.extend(wanted[:2])
        return []

    monkeypatch.setattr(locking, "lock_packages", remember)
    monkeypatch.setattr(locking, "lock_indexes", lambda *_: Indexes())
    monkeypatch.setattr(locking, "snapshot", lambda: "")
    catalogue = load("trilith")
    selection, _, _ = select(["--preset=minimal", "--container-build"], catalogue)
    decided = plan(selection, catalogue, HOST)
    place = Place(Store(tmp_path), bases={"build": base, "base": "packages"})
    locking._debian(decided, place)
    run, build = asked
    assert set(build.names) >= {"build-essential"}
    assert ({"cargo-web", "rustc-web"} <= set(build.names)) is (base == "packages")
    assert not {"cargo-web", "rustc-web"} & set(run.names)
