"""Lays out what a build needs from a store, so that it needs no network and no cache of the user's.

- repositories as bare ones in a folder, to which git is sent by ``insteadOf``; what CMake clones by itself,
  projects inside projects and submodules all come from there
- archives beside them; CMake files that name their addresses name them instead, wherever git puts such a file
- wheels in a folder for pip, crates in a folder for cargo
"""

import filecmp
import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from trilith.build.assembling.seeding import seed
from trilith.build.files.archives import ARCHIVES
from trilith.build.locking.model import Lock, LockedGit, LockedSubmodule
from trilith.build.locking.text import digest_of
from trilith.build.mirrors import left_out_include, left_out_rules
from trilith.build.processes import run
from trilith.build.repositories import unpack
from trilith.build.store import Store
from trilith.build.unpacking import unpack_tar

WHOLE = "whole"
"""File that holds the digest of the lock when all is laid out."""


@dataclass(frozen=True)
class Offline:
    """A folder with all that a build needs."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The source tree of this server."""
        return self.folder / "source"

    @property
    def tools(self) -> Path:
        """Wheels that the build itself needs."""
        return self.folder / "wheels-build"

    @property
    def wheels(self) -> Path:
        """Wheels that the result needs."""
        return self.folder / "wheels-run"


def lay_out(lock: Lock, store: Store, folder: Path, seen: Path | None = None) -> Offline:
    """Lay out a store for a build; what is there already for the same lock is kept.

    Args:
        lock: what is laid out.
        store: where it comes from.
        folder: where it goes.
        seen: where the build will see it; there, if it is not named.

    Raises:
        BuildError: something is missing or changed.
    """
    place, seen = Offline(folder), seen or folder.resolve()
    stamp = folder / WHOLE
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != digest_of(lock):
        stamp.unlink(missing_ok=True)
        _repositories(lock, store, folder, seen)
        _wheels(lock, store, place)
        _crates(lock, store, folder / "crates", seen)
        for item in lock.source:
            _source(store, item.sha256, place.source)
        folder.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest_of(lock), encoding="ascii")
    return Offline(folder, environment_of(lock, seen))


def environment_of(lock: Lock, folder: Path) -> dict[str, str]:
    """Return what keeps every tool of a build to what was laid out."""
    return {
        ARCHIVES: str(folder / "archives"),
        "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "CARGO_HOME": str(folder / "cargo"),
        "CARGO_NET_OFFLINE": "true",
        "SOURCE_DATE_EPOCH": str(lock.source_date_epoch),
    }


def _repositories(lock: Lock, store: Store, folder: Path, seen: Path) -> None:
    """Make a bare repository for each address, with the refs that sources know."""
    places: dict[str, Path] = {}
    for commit, (name, address) in lock.commits().items():
        place = places.setdefault(_plain(address), _bare(folder, address))
        unpack(store, commit, name, place)
        branch = f"refs/heads/locked-{commit[:12]}"
        _refer(place, branch, commit)
        run(["git", "symbolic-ref", "HEAD", branch], folder=place)  # for a clone that names no ref
    for item in lock.git:
        place = places[_plain(item.address)]
        if item.ref.startswith("refs/"):
            _refer(place, item.ref, item.commit)
        if item.ref.startswith("refs/heads/"):
            run(["git", "symbolic-ref", "HEAD", item.ref], folder=place)
    archives = _archives(lock, store, folder / "archives")
    commits = [(places[_plain(address)], commit) for commit, (_, address) in lock.commits().items()]
    seeded = seed(folder, commits, archives, seen)
    folder.mkdir(parents=True, exist_ok=True)
    text = _gitconfig(lock, places, folder, seen) + seeded
    (folder / "gitconfig").write_text(text, encoding="utf-8")


def _bare(folder: Path, address: str) -> Path:
    """Return the folder of an address: its last part can be read, the rest keeps it apart from others."""
    plain = _plain(address)
    short = "".join(
        letter if letter.isalnum() or letter in "-_." else "-" for letter in plain.rpartition("/")[2]
    )
    place = folder / "git" / f"{short or 'repository'}-{hashlib.sha256(plain.encode()).hexdigest()[:10]}.git"
    run(["git", "init", "--bare", "--quiet", "--template=", str(place)])
    run(["git", "config", "uploadpack.allowAnySHA1InWant", "true"], folder=place)
    return place


def _refer(place: Path, ref: str, commit: str) -> None:
    if ref != "HEAD":
        run(["git", "update-ref", "--", ref, commit], folder=place)


def _archives(lock: Lock, store: Store, folder: Path) -> dict[str, str]:
    """Lay out archives under their own names, since CMake tells their kind by that; where each lies."""
    found = {}
    for item in lock.archive:
        name = item.address.partition("?")[0].rpartition("/")[2] or "archive"
        below = f"{item.sha256[:16]}/{name}"
        store.take(item.sha256, f"archive {item.name}", folder / below)
        found[item.address] = below
    return found


def _gitconfig(lock: Lock, places: dict[str, Path], folder: Path, seen: Path) -> str:
    """Send each address to its folder, and every other to one that is not there."""
    lines = [
        '[protocol "file"]\n\tallow = always',
        "[safe]\n\tdirectory = *",
        "[advice]\n\tdetachedHead = false",
        # git asks the network for this machine's name where nobody says who it works for.
        "[user]\n\tname = trilith build\n\temail = build@localhost",
    ]
    for address, place in places.items():
        target = _escaped(f"file://{seen / place.relative_to(folder)}")
        lines.append(f'[url "{target}"]')
        lines += [f'\tinsteadOf = "{_escaped(one)}"' for one in (address, f"{address}.git")]
    nowhere = _escaped(f"file://{seen}/not-in-the-lock/")
    lines.append(f'[url "{nowhere}"]')
    lines += [f'\tinsteadOf = "{scheme}"' for scheme in ("https://", "http://", "git://", "ssh://", "git@")]
    left_out = "".join(_left_out(item, folder) for item in lock.git if item.left_out)
    left_out += "".join(_left_out(item, folder) for item in lock.submodule if item.left_out)
    return "\n".join(lines) + "\n" + left_out


def _left_out(item: LockedGit | LockedSubmodule, folder: Path) -> str:
    """Leave submodules out wherever this repository is cloned, CMake's clones included."""
    file = f"left-out-{hashlib.sha256(item.address.encode()).hexdigest()[:10]}.gitconfig"
    (folder / file).write_text(left_out_rules(item.left_out), encoding="utf-8")
    return left_out_include(item.address, file)


def _wheels(lock: Lock, store: Store, place: Offline) -> None:
    for folder in (place.wheels, place.tools):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    for item in lock.wheel:
        folder = place.tools if item.use == "build" else place.wheels
        store.take(item.sha256, f"wheel {item.file}", folder / item.file)


def _crates(lock: Lock, store: Store, folder: Path, seen: Path) -> None:
    """Unpack crates as ``cargo vendor`` does, and send cargo there for everything."""
    if not lock.crate:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for item in lock.crate:
        name = f"{item.name}-{item.version}"
        told = folder / name / ".cargo-checksum.json"
        if told.is_file():
            store.check(item.sha256, f"crate {name}")
            continue
        archive = store.take(item.sha256, f"crate {name}", folder / f"{name}.crate")
        try:
            unpack_tar(archive, folder, f"crate {name}")
        finally:
            archive.unlink()
        told.write_text(json.dumps({"files": {}, "package": item.sha256}), encoding="utf-8")
    home = folder.parent / "cargo"
    home.mkdir(exist_ok=True)
    source = json.dumps(str(seen / folder.name), ensure_ascii=False)
    text = f'[source.crates-io]\nreplace-with = "laid-out"\n[source.laid-out]\ndirectory = {source}\n'
    (home / "config.toml").write_text(text + "[net]\noffline = true\n", encoding="utf-8")


def _source(store: Store, sha256: str, folder: Path) -> None:
    """Unpack a source tree in place of the one before.

    Archives carry no times, and cargo compares times: what did not change keeps the one it had.
    """
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    archive = store.take(sha256, "source", folder.with_suffix(".tar"))
    try:
        unpack_tar(archive, fresh, "source")
    finally:
        archive.unlink()
    for place, folders, files in os.walk(fresh, topdown=False):
        for path in (Path(place) / name for name in files):
            before = folder / path.relative_to(fresh)
            if not path.is_symlink():
                same = before.is_file() and filecmp.cmp(before, path, shallow=False)
                _keep_time(path, before if same else None)
        # Cargo looks at the times of folders too, where a build script names one.
        before = folder / Path(place).relative_to(fresh)
        same = before.is_dir() and {*folders, *files} == {path.name for path in before.iterdir()}
        _keep_time(Path(place), before if same else None)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _keep_time(path: Path, before: Path | None) -> None:
    """Give something the time of what was there before; this moment if it is new."""
    if before:
        status = before.stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        os.utime(path)


def _plain(address: str) -> str:
    return address.rstrip("/").removesuffix(".git")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
