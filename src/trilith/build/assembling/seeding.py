"""Sends what CMake downloads to archives of the store.

CMake knows no rules that send an address elsewhere. So the addresses in the sources themselves are rewritten,
in a commit on top of the locked one: whatever clones the branch or tag gets them, and CMake still checks the
hash that the sources name. Sources that clone by a commit get them as they are.
"""

from collections.abc import Mapping
from pathlib import Path

from trilith.build.processes import ProgramError, run

_WHO = {
    "GIT_AUTHOR_NAME": "trilith build",
    "GIT_AUTHOR_EMAIL": "build@localhost",
    "GIT_COMMITTER_NAME": "trilith build",
    "GIT_COMMITTER_EMAIL": "build@localhost",
}


def seed(repository: Path, commit: str, archives: Mapping[str, str], time: int) -> str:
    """Rewrite addresses of archives in a commit.

    Args:
        repository: a bare one.
        commit: as it was locked.
        archives: what stands in their place, by address.
        time: of the new commit.

    Returns:
        the commit on top, or the same where nothing names an archive.
    """
    found = _naming(repository, commit, archives)
    if not found:
        return commit
    index = {"GIT_INDEX_FILE": str(repository / "seeding.index")}
    run(["git", "read-tree", commit], folder=repository, environment=index)
    for mode, path in found:
        text = run(["git", "cat-file", "blob", f"{commit}:{path}"], folder=repository)
        for address in sorted(archives, key=len, reverse=True):
            text = text.replace(address.encode(), archives[address].encode())
        blob = run(["git", "hash-object", "-w", "--stdin"], folder=repository, given=text).decode().strip()
        words = ["update-index", "--cacheinfo", f"{mode},{blob},{path}"]
        run(["git", *words], folder=repository, environment=index)
    tree = run(["git", "write-tree", "--missing-ok"], folder=repository, environment=index).decode().strip()
    date = {"GIT_AUTHOR_DATE": f"{time} +0000", "GIT_COMMITTER_DATE": f"{time} +0000"}
    words = ["commit-tree", tree, "-p", commit, "-m", "Archives come from the store"]
    made = run(["git", *words], folder=repository, environment=_WHO | date).decode().strip()
    (repository / "seeding.index").unlink(missing_ok=True)
    return made


def _naming(repository: Path, commit: str, archives: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return mode and path of the files that name an archive."""
    if not archives:
        return []
    words = [word for address in archives for word in ("-e", address)]
    try:
        told = run(
            [
                "git",
                "grep",
                "-I",
                "-l",
                "-z",
                "--fixed-strings",
                *words,
                commit,
                "--",
                "*.cmake",
                "*CMakeLists.txt",
            ],
            folder=repository,
        ).decode()
    except ProgramError:
        return []  # git grep ends with 1 where nothing matches
    paths = [entry.partition(":")[2] for entry in told.split("\0") if entry]
    listed = run(["git", "ls-tree", "-r", "-z", "--full-tree", commit], folder=repository).decode()
    modes = {entry.partition("\t")[2]: entry.split()[0] for entry in listed.split("\0") if entry}
    return [(modes[path], path) for path in paths]
