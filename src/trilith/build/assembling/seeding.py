"""Sends what CMake downloads to archives of the store.

CMake knows no rules that send an address elsewhere. So CMake files get other texts when git puts them into
a work tree, by a filter of the build's own configuration: that reaches every clone, submodules and what is
cloned by a commit too, and commits stay what they were. CMake still checks the hashes that the sources name.

- an address that is written out becomes that of a file
- one that is put together from variables is looked up while CMake runs, right before the command that fetches
"""

import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from trilith.build.cmake.places import VARIABLE, WORDS, looked_up
from trilith.build.files.archives import ARCHIVES, in_cmake
from trilith.build.repositories import cmake_files

TABLE = "addresses.cmake"
_LOOK_UP = f'include("$ENV{{{ARCHIVES}}}/{TABLE}")\ntrilith_archives({VARIABLE} {WORDS})\n'
_FILTER = "trilith-archives"
_REPLACE = """\
#!/bin/sh
# replace FOLDER: gives what stands in FOLDER for the file that is read, or that file itself
set -eu
given=$(mktemp)
trap 'rm -f "$given"' EXIT
cat >"$given"
name=$(git hash-object --stdin <"$given")
if [ -f "$1/$name" ]; then cat "$1/$name"; else cat "$given"; fi
"""
_GLOB = re.compile(r"([*?\[\]\\!#])")


def located(below: str) -> str:
    """Return the address of an archive in the words of CMake.

    The folder comes from the environment: sources do not depend on it, and no space in it is in the way.
    """
    return f"file://$ENV{{{ARCHIVES}}}/{below}"


def seed(
    folder: Path,
    repositories: Iterable[tuple[Path, str]],
    archives: Mapping[str, str],
    seen: Path | None = None,
) -> str:
    """Prepare the texts that CMake files get, and the table of addresses beside the archives.

    Args:
        folder: where they go.
        repositories: bare ones, each with a commit.
        archives: where each lies, by its address, below the folder of archives.
        seen: where the build will see the folder; there, if it is not named.

    Returns:
        a git configuration that puts them into work trees; empty where nothing names an archive.
    """
    if not archives:
        return ""
    (folder / "archives" / TABLE).write_text(table(archives), encoding="utf-8")
    place = folder / "seeded"
    for name in ("fresh", "locked"):
        (place / name).mkdir(parents=True, exist_ok=True)
    paths: set[str] = set()
    for repository, commit in repositories:
        for path, content in cmake_files(repository, commit).items():
            fresh = rewrite(content, archives)
            if fresh != content:
                (place / "fresh" / _name(content)).write_bytes(fresh)
                (place / "locked" / _name(fresh)).write_bytes(content)
                paths.add(path)
    if not paths:
        return ""
    attributes = "".join(f"{_pattern(path)} filter={_FILTER}\n" for path in sorted(paths))
    (place / "attributes").write_text(attributes, encoding="utf-8")
    (place / "replace").write_text(_REPLACE, encoding="utf-8")
    there = (seen or folder).absolute() / "seeded"
    command = f"sh {shlex.quote(str(there / 'replace'))} {shlex.quote(str(there))}"
    return (
        f"[core]\n\tattributesFile = {_quoted(str(there / 'attributes'))}\n"
        f'[filter "{_FILTER}"]\n\trequired = true\n'
        f"\tsmudge = {_quoted(f'{command}/fresh')}\n\tclean = {_quoted(f'{command}/locked')}\n"
    )


def rewrite(content: bytes, archives: Mapping[str, str]) -> bytes:
    """Return a CMake file with archives of the store in place of addresses."""
    text = content.decode(errors="surrogateescape")
    text = looked_up(text, _LOOK_UP, every=False)
    for address in sorted(archives, key=len, reverse=True):
        text = text.replace(address, located(archives[address]))
    return text.encode(errors="surrogateescape")


def table(archives: Mapping[str, str]) -> str:
    """Return a CMake file with a function that looks addresses up; those that are not there stay."""
    lines = [
        "# Where the archives lie that a build downloads; by the SHA-1 of their addresses.",
        "function(trilith_archives result)",
        *(
            f'  set(trilith_{hashlib.sha1(address.encode()).hexdigest()} "{located(in_cmake(below))}")'  # noqa: S324  a key of a table
            for address, below in sorted(archives.items())
        ),
        '  set(${result} "${ARGN}" PARENT_SCOPE)',
        "  foreach(address IN LISTS ARGN)",
        '    string(SHA1 key "${address}")',
        "    if(DEFINED trilith_${key})",
        '      set(address "${trilith_${key}}")',
        "    endif()",
        "    # One is enough, and CMake takes no file among several addresses.",
        '    if(address MATCHES "^file://")',
        '      set(${result} "${address}" PARENT_SCOPE)',
        "      return()",
        "    endif()",
        "  endforeach()",
        "endfunction()",
    ]
    return "\n".join(lines) + "\n"


def _name(content: bytes) -> str:
    """Return the name that git gives a file."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()  # noqa: S324  git's own hash


def _pattern(path: str) -> str:
    """Return a path as a line of git's attributes names it."""
    return _quoted("/" + _GLOB.sub(lambda match: f"\\{match[1]}", path))


def _quoted(text: str) -> str:
    inner = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'
