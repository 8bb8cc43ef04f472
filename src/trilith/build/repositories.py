"""Git repositories in a store: one pack for each commit, without its history.

The pack of a commit is the same wherever it is made with the same git. It is checked against the commit each
time it is opened: a commit's name is the hash of all that it holds.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trilith.build.mirrors import Mirrors
from trilith.build.problems import BuildError, Problem
from trilith.build.processes import ProgramError, run
from trilith.build.secrets import redact
from trilith.build.store import Store, disk_problem

COMMIT = re.compile(r"[0-9a-f]{40}")
# Below this speed for this long, a server counts as one that does not answer.
_SLOW_BYTES, _SLOW_SECONDS = 500, 60
_QUIET = ["git", "-c", "gc.auto=0", "-c", "advice.detachedHead=false"]


@dataclass(frozen=True)
class Remote:
    """How a repository is reached: the rules of this machine, and what git is told."""

    mirrors: Mirrors
    environment: Mapping[str, str]

    def told(self, address: str) -> str:
        """Say where an address is fetched from, and by which rule."""
        rule = self.mirrors.rule("git", address)
        if not rule:
            return f"{redact(address)} (no rule of mirrors.toml covers it)"
        return f"{redact(self.mirrors.send('git', address))} (rule '{rule}' of mirrors.toml)"


@dataclass(frozen=True)
class Submodule:
    """A submodule as a commit names it."""

    name: str
    path: str
    address: str
    commit: str


def remote(mirrors: Mirrors, folder: Path) -> Remote:
    """Prepare git for fetching; the rules stand in its environment alone, since they may hold a token."""
    configuration = folder / "gitconfig"
    lines = [
        "[uploadpack]\n\tallowAnySHA1InWant = true",
        '[protocol "file"]\n\tallow = always',
        f"[http]\n\tlowSpeedLimit = {_SLOW_BYTES}\n\tlowSpeedTime = {_SLOW_SECONDS}",
        "[safe]\n\tdirectory = *",
    ]
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    rules = list(mirrors.of("git").items())
    environment = {"GIT_CONFIG_SYSTEM": str(configuration), "GIT_TERMINAL_PROMPT": "0"}
    environment["GIT_CONFIG_COUNT"] = str(len(rules))
    for index, (source, target) in enumerate(rules):
        environment[f"GIT_CONFIG_KEY_{index}"] = f"url.{target}.insteadOf"
        environment[f"GIT_CONFIG_VALUE_{index}"] = source
    return Remote(mirrors, environment)


def resolve(address: str, ref: str, name: str, place: Remote) -> tuple[str, str]:
    """Ask a repository which commit a ref means.

    Returns:
        the commit, and the full name of the ref; empty for a commit.

    Raises:
        BuildError: the repository does not answer, or has no such ref.
    """
    if COMMIT.fullmatch(ref):
        return ref, ""
    try:
        listed = run(["git", "ls-remote", "--", address], environment=place.environment).decode()
    except ProgramError as error:
        raise BuildError([_unreachable(name, address, place, error)]) from error
    refs = {key: commit for commit, _, key in (line.partition("\t") for line in listed.splitlines())}
    names = ["HEAD"] if not ref else [f"refs/tags/{ref}", f"refs/heads/{ref}", f"refs/{ref}", ref]
    for full in names:
        if full in refs:
            return refs.get(f"{full}^{{}}", refs[full]), full
    raise BuildError(
        [
            Problem(
                f"there is no branch, tag or ref '{ref}' at {place.told(address)}",
                field=name,
                suggestion="name another one, or bring the mirror up to date",
            )
        ]
    )


def obtain(store: Store, commit: str, item: tuple[str, str, str], place: Remote) -> Path:
    """Bring a commit into the store, unless it is there.

    Args:
        store: where it goes.
        commit: what is wanted.
        item: name for messages, address, and the ref it was found by (may be empty).
        place: how it is reached.

    Raises:
        BuildError: it cannot be had.
    """
    name, address, ref = item
    pack = store.pack(commit)
    if pack.is_file():
        return pack
    with store.claim(commit), store.scratch() as folder:
        if pack.is_file():
            return pack
        try:
            _fetch(folder / "repository", commit, (address, ref), place)
            made = folder / "pack"
            made.write_bytes(_pack(folder / "repository", commit))
            return store.put_pack(made, commit)
        except ProgramError as error:
            raise BuildError([_gone(name, commit, address, place, error)]) from error
        except OSError as error:
            problem = disk_problem(error, store.root, name)
            raise BuildError([problem]) if problem else error from error


@contextlib.contextmanager
def opened(store: Store, commit: str, name: str) -> Iterator[Path]:
    """Open a commit of the store in a folder that goes again.

    Raises:
        BuildError: it is not there, or changed.
    """
    with store.scratch() as folder:
        yield unpack(store, commit, name, folder / "repository")


def unpack(store: Store, commit: str, name: str, folder: Path) -> Path:
    """Add a commit of the store to a bare repository, and check all of it.

    Raises:
        BuildError: it is not there, or changed.
    """
    path = store.pack(commit)
    if not path.is_file():
        raise BuildError([store.missing(name, path)])
    if not folder.is_dir():
        run([*_QUIET, "init", "--bare", "--quiet", "--template=", str(folder)])
    with (folder / "shallow").open("a", encoding="ascii") as shallow:
        shallow.write(f"{commit}\n")
    try:
        run([*_QUIET, "index-pack", "--stdin"], folder=folder, given=path.read_bytes())
        run([*_QUIET, "rev-list", "--objects", "--quiet", commit], folder=folder)
    except ProgramError as error:
        raise BuildError([store.changed(name, path, error.shown)]) from error
    return folder


def tree_of(repository: Path, commit: str) -> str:
    """Return the tree of a commit."""
    return run([*_QUIET, "rev-parse", f"{commit}^{{tree}}"], folder=repository).decode().strip()


def time_of(repository: Path, commit: str) -> int:
    """Return when a commit was made, in seconds since 1970."""
    return int(run([*_QUIET, "show", "--no-patch", "--format=%ct", commit], folder=repository))


def cmake_files(repository: Path, commit: str) -> dict[str, bytes]:
    """Return the CMake files of a commit, by their paths."""
    blobs = _entries(repository, commit, "blob")
    found = {path: name for path, name in blobs.items() if path.endswith((".cmake", "CMakeLists.txt"))}
    given = "".join(f"{name}\n" for name in found.values()).encode()
    told = run([*_QUIET, "cat-file", "--batch"], folder=repository, given=given) if found else b""
    return dict(zip(found, _batch(told), strict=True))


def _batch(told: bytes) -> Iterator[bytes]:
    """Yield the contents that ``git cat-file --batch`` tells: a line with the size before each."""
    place = 0
    while place < len(told):
        end = told.index(b"\n", place)
        size = int(told[place:end].split()[2])
        yield told[end + 1 : end + 1 + size]
        place = end + 1 + size + 1


def submodules(repository: Path, commit: str, address: str) -> list[Submodule]:
    """Return the submodules that a commit names, addresses resolved against its own."""
    try:
        text = run([*_QUIET, "show", f"{commit}:.gitmodules"], folder=repository)
    except ProgramError:
        return []
    told = run([*_QUIET, "config", "--null", "--list", "--file", "-"], given=text).decode()
    tables: dict[str, dict[str, str]] = {}
    for entry in filter(None, told.split("\0")):
        key, _, value = entry.partition("\n")
        name, _, field = key.removeprefix("submodule.").rpartition(".")
        tables.setdefault(name, {})[field] = value
    links = _entries(repository, commit, "commit")
    return [
        Submodule(name, table["path"], beside(address, table["url"]), links[table["path"]])
        for name, table in sorted(tables.items())
        if table.get("path") in links and "url" in table
    ]


def beside(parent: str, address: str) -> str:
    """Resolve ``../other`` against the address of the repository that names it, as git does."""
    base = parent.rstrip("/")
    while address.startswith(("./", "../")):
        if address.startswith("../"):
            base = base.rpartition("/")[0]
            address = address.removeprefix("../")
        else:
            address = address.removeprefix("./")
        if not address.startswith(("./", "../")):
            return f"{base}/{address}"
    return address


def _fetch(repository: Path, commit: str, source: tuple[str, str], place: Remote) -> None:
    """Fetch a commit: by its name, then by its ref, then with all the history of its refs."""
    address, ref = source
    run([*_QUIET, "init", "--bare", "--quiet", "--template=", str(repository)])
    fetch = [*_QUIET, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules"]
    tries = [["--depth=1", address, commit], [address, *([ref] if ref else []), "+refs/*:refs/found/*"]]
    last: ProgramError | None = None
    for words in tries:
        try:
            run([*fetch, *words], folder=repository, environment=place.environment)
            run([*_QUIET, "cat-file", "-e", f"{commit}^{{tree}}"], folder=repository)
        except ProgramError as error:
            last = last or error
        else:
            return
    if last:
        raise last


def _pack(repository: Path, commit: str) -> bytes:
    """Pack a commit without its history: objects in one order, on one thread, nothing reused."""
    listed = run([*_QUIET, "rev-list", "--objects", "--no-walk", commit], folder=repository)
    order = b"\n".join(sorted(listed.splitlines())) + b"\n"
    words = ["--stdout", "--threads=1", "--no-reuse-delta", "--no-reuse-object", "--delta-base-offset", "-q"]
    return run([*_QUIET, "-c", "pack.compression=6", "pack-objects", *words], folder=repository, given=order)


def _entries(repository: Path, commit: str, wanted: str) -> dict[str, str]:
    """Return the files (``blob``) or the submodules (``commit``) of a commit: names of objects by path."""
    listed = run([*_QUIET, "ls-tree", "-r", "-z", "--full-tree", commit], folder=repository).decode()
    found = {}
    for entry in filter(None, listed.split("\0")):
        about, _, path = entry.partition("\t")
        _, kind, name = about.split()
        if kind == wanted:
            found[path] = name
    return found


def _unreachable(name: str, address: str, place: Remote, error: ProgramError) -> Problem:
    return Problem(
        f"git cannot read {place.told(address)}: {error.shown}",
        field=name,
        suggestion="is it up? A rule under [git] in mirrors.toml sends it elsewhere",
    )


def _gone(name: str, commit: str, address: str, place: Remote, error: ProgramError) -> Problem:
    return Problem(
        f"commit {commit} cannot be had from {place.told(address)}: {error.shown}",
        field=name,
        suggestion="is the mirror up, complete and up to date? A rule under [git] names another one",
    )
