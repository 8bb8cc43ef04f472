"""Fetches what pip, cargo and apt bring, with the configuration that each of them has on this machine."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from trilith.build.locking.model import Lock, LockedCrate, LockedWheel
from trilith.build.locking.wheels import PIP, environment, target_words
from trilith.build.mirrors import Mirrors
from trilith.build.problems import BuildError, Problem
from trilith.build.processes import ProgramError, run
from trilith.build.store import Store, digest
from trilith.build.unpacking import unpack_tar


def fetch_wheel(lock: Lock, wheel: LockedWheel, store: Store, mirrors: Mirrors) -> None:
    """Bring a wheel into the store.

    Raises:
        BuildError: pip cannot have it, or it is another one.
    """
    if store.blob(wheel.sha256).is_file():
        return
    with store.claim(wheel.sha256), store.scratch() as folder:
        requirement = folder / "requirement.txt"
        requirement.write_text(
            f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8"
        )
        flags = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        target = _target(lock, wheel)
        words = [*PIP, "download", *flags, *target, "--dest", str(folder), "--requirement", str(requirement)]
        try:
            run(words, environment=environment(mirrors))
        except ProgramError as error:
            raise BuildError(
                [
                    Problem(
                        f"pip cannot fetch {wheel.name} {wheel.version}: {error.shown}",
                        field=f"wheel {wheel.file}",
                        suggestion="pip uses its own configuration; 'index' under [pypi] sends it elsewhere",
                    )
                ]
            ) from error
        for path in folder.glob("*.whl"):
            store.put(path, wheel.sha256, f"wheel {wheel.file}")


def fetch_crates(lock: Lock, store: Store, mirrors: Mirrors) -> None:
    """Bring the crates of a lock into the store: from cargo's own cache, then through cargo.

    Raises:
        BuildError: cargo cannot have them.
    """
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    left = _take(lock.crate, home, store)
    if not left:
        return
    variables = {"CARGO_TERM_PROGRESS_WHEN": "never"}
    registry = mirrors.single("crates")
    if registry:
        variables |= {
            "CARGO_SOURCE_CRATES_IO_REPLACE_WITH": "mirror",
            "CARGO_SOURCE_MIRROR_REGISTRY": registry,
        }
    with store.claim("crates"), store.scratch() as folder:
        for item in lock.source:
            archive = store.take(item.sha256, f"source {item.name}", folder / "source.tar")
            unpack_tar(archive, folder / "source", f"source {item.name}")
        try:
            run(["cargo", "fetch", "--locked"], folder=folder / "source", environment=variables)
        except ProgramError as error:
            raise BuildError([_no_crates(error)]) from error
    missing = _take(left, home, store)
    if missing:
        names = ", ".join(f"{item.name} {item.version}" for item in missing)
        told, hint = (
            f"cargo fetched other files than were locked: {names}",
            "lock again with trilith build lock",
        )
        raise BuildError([Problem(told, field="crates", suggestion=hint)])


def fetch_debian(lock: Lock, store: Store) -> None:
    """Bring the Debian packages of a lock into the store.

    Raises:
        BuildError: apt cannot have them.
    """
    wanted = [item for item in lock.debian if not store.blob(item.sha256).is_file()]
    if not wanted:
        return
    with store.claim("packages"), store.scratch() as folder:
        names = [f"{item.name}:{item.architecture}={item.version}" for item in wanted]
        names = [name.replace(":all=", "=") for name in names]
        try:
            words = ["-o", "APT::Sandbox::User=root", "--quiet", "download"]
            run(["apt-get", *words, *names], folder=folder)
        except ProgramError as error:
            raise BuildError(
                [
                    Problem(
                        f"apt cannot fetch {', '.join(names)}: {error.shown}",
                        field="packages",
                        suggestion="apt uses its own configuration; a version that is gone takes a new lock",
                    )
                ]
            ) from error
        found = {digest(path): path for path in folder.glob("*.deb")}
        problems = []
        for item in wanted:
            if item.sha256 in found:
                store.put(found[item.sha256], item.sha256, item.name)
            else:
                message = f"apt fetched another file than SHA-256 {item.sha256}"
                hint = "the repository or its mirror changed it: lock again with trilith build lock"
                problems.append(
                    Problem(message, field=f"package {item.name} {item.version}", suggestion=hint)
                )
        if problems:
            raise BuildError(problems)


def _target(lock: Lock, wheel: LockedWheel) -> list[str]:
    if wheel.use == "build":
        return []
    here = platform.machine().lower()
    return target_words(
        lock.target["machine"], lock.target["interpreter"], {"arm64": "aarch64"}.get(here, here)
    )


def _take(crates: Iterable[LockedCrate], home: Path, store: Store) -> list[LockedCrate]:
    """Copy crates out of cargo's cache; those that it does not have."""
    caches = sorted((home / "registry" / "cache").glob("*"))
    left = []
    for item in crates:
        if store.blob(item.sha256).is_file():
            continue
        name = f"{item.name}-{item.version}.crate"
        for path in (cache / name for cache in caches):
            if path.is_file() and digest(path) == item.sha256:
                with store.scratch() as folder:
                    (folder / name).write_bytes(path.read_bytes())
                    store.put(folder / name, item.sha256, f"crate {item.name} {item.version}")
                break
        else:
            left.append(item)
    return left


def _no_crates(error: ProgramError) -> Problem:
    return Problem(
        f"cargo cannot fetch: {error.shown}",
        field="crates",
        suggestion="cargo uses its own configuration; 'registry' under [crates] sends it elsewhere",
    )
