"""A small family of git repositories, as upstream's are: submodules, what CMake fetches, an archive."""

import hashlib
import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

SITE = "https://nowhere.example/family"
ARCHIVE = "https://files.nowhere.example/data-1.0.tar.gz"
OTHER_ARCHIVE = "https://files.nowhere.example/bare.tar.gz"
AUTHOR = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]
DATE = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}

_PART = """
cmake_minimum_required(VERSION 3.18)
project(part NONE)
option(WITH_EXTRAS "Extras" OFF)
include(FetchContent)
include(ExternalProject)
FetchContent_Declare(common GIT_REPOSITORY {site}/common.git GIT_TAG main)
FetchContent_MakeAvailable(common)
FetchContent_Declare(data URL {archive} URL_HASH SHA256={sha256})
FetchContent_MakeAvailable(data)
ExternalProject_Add(outside
  GIT_REPOSITORY {site}/outside.git
  GIT_TAG v1
  CMAKE_CACHE_ARGS -DCMAKE_INSTALL_PREFIX:PATH=${{CMAKE_INSTALL_PREFIX}})
install(FILES inner/inner.txt inner/deeper/deeper.txt
  ${{common_SOURCE_DIR}}/common.txt
  ${{common_BINARY_DIR}}/bare.txt ${{data_SOURCE_DIR}}/data.txt DESTINATION backends/part)
"""
# Included by whatever is built, as upstream's `common` is; unpacks an archive whose hash it does not name.
_COMMON = """
cmake_minimum_required(VERSION 3.18)
project(common NONE)
include(FetchContent)
FetchContent_Declare(bare URL {other})
FetchContent_MakeAvailable(bare)
configure_file(${{bare_SOURCE_DIR}}/data.txt bare.txt COPYONLY)
"""
# Configured while the outer project is built, and fetches once more. Of its submodules it uses one.
_OUTSIDE = """
cmake_minimum_required(VERSION 3.18)
project(outside NONE)
include(FetchContent)
FetchContent_Declare(deep GIT_REPOSITORY {site}/deep.git GIT_TAG {commit})
FetchContent_MakeAvailable(deep)
install(FILES ${{deep_SOURCE_DIR}}/deep.txt used/inner.txt DESTINATION backends/part)
"""
_NOTHING = "cmake_minimum_required(VERSION 3.18)\nproject(nothing NONE)\n"
_HEAD = """
[catalogue]
name = "{name}"
description = "{description}"
builder = "cmake"
organization = "{site}"
version = "1.0"
main = "core.server"
containers = false
platforms = ["linux"]
machines = ["x86_64", "aarch64"]
[core.server]
description = "The server"
build = "main"
repository = "server"
[backend.part]
description = "A part"
repository = "part"
install = [{{ origin = "install", path = "backends/part", to = "backends" }}]
arguments = [{{ name = "CMAKE_INSTALL_PREFIX", type = "PATH", value = "{{component-install}}" }}]
"""
# What the part of the family has besides, and the tables after it.
_TABLES = """
submodules = true
requires = ["core.common"]
third_party = ["third_party.data", "third_party.outside", "third_party.deep"]
[backend.part.options]
WITH_EXTRAS = {{ type = "BOOL", default = "OFF" }}
[core.common]
description = "What all parts include"
repository = "common"
third_party = ["third_party.bare"]
[third_party.data]
description = "Data"
by = "archive"
address = "{archive}"
sha256 = "{sha256}"
[third_party.bare]
description = "Data whose hash its sources do not name"
by = "archive"
address = "{other}"
pinned = false
[third_party.outside]
description = "Built while the part is built"
by = "git"
address = "{site}/outside.git"
ref = "v1"
submodules = ["used"]
left_out_reason = "belongs to its tests"
[third_party.deep]
description = "Fetched by what is built while the part is built"
by = "git"
address = "{site}/deep.git"
ref = "{commit}"
"""


@dataclass(frozen=True)
class Family:
    """Where everything lies."""

    mirrors: Path
    catalogue: Path
    rules: Path
    archive: bytes

    @property
    def words(self) -> list[str]:
        """The selection."""
        return [f"--catalogue={self.catalogue}", "--no-core-build", "--no-container-build", "--backend=part"]


def catalogue_of(name: str, description: str, more: str = "") -> str:
    """Return a catalogue of one part that CMake builds, in the repository ``part``.

    Args:
        name: what it is called.
        description: what it is.
        more: further keys of the part, and tables.
    """
    return _HEAD.format(name=name, description=description, site=SITE) + more


def git(folder: Path, *words: str) -> str:
    """Run git on a repository."""
    done = subprocess.run(
        ["git", *AUTHOR, "-C", str(folder), *words], check=True, capture_output=True, text=True, env=DATE
    )
    return done.stdout.strip()


def make(folder: Path, name: str, files: dict[str, str]) -> Path:
    """Make a repository."""
    repository = folder / f"{name}.git"
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(repository)], check=True)
    for path, text in files.items():
        (repository / path).write_text(text)
    return commit(repository)


def commit(repository: Path) -> Path:
    """Commit what is there."""
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "one")
    return repository


def submodule(repository: Path, other: Path, path: str, address: str) -> None:
    """Add a submodule, whose address in the repository is another than where it lies."""
    git(repository, "submodule", "--quiet", "add", str(other), path)
    modules = repository / ".gitmodules"
    modules.write_text(modules.read_text().replace(str(other), address))


def tar(files: dict[str, str]) -> bytes:
    """Make an archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(text.encode())
            archive.addfile(about, io.BytesIO(text.encode()))
    return buffer.getvalue()


def make_family(folder: Path) -> Family:
    """Make repositories, archives, a catalogue and rules, in a folder that careless scripts trip over."""
    mirrors = folder / "mirrors of größe"
    (mirrors / "files").mkdir(parents=True)
    content = tar({"data-1.0/data.txt": "data"})
    sha256 = hashlib.sha256(content).hexdigest()
    (mirrors / "files" / "data-1.0.tar.gz").write_bytes(content)
    (mirrors / "files" / "bare.tar.gz").write_bytes(tar({"bare/data.txt": "bare"}))
    deeper = make(mirrors, "deeper", {"deeper.txt": "deeper"})
    inner = make(mirrors, "inner", {"inner.txt": "inner"})
    submodule(inner, deeper, "deeper", "../deeper.git")
    commit(inner)
    unused = make(mirrors, "unused", {"unused.txt": "unused"})
    make(mirrors, "common", {"CMakeLists.txt": _COMMON.format(other=OTHER_ARCHIVE), "common.txt": "common"})
    deep = git(make(mirrors, "deep", {"CMakeLists.txt": _NOTHING, "deep.txt": "deep"}), "rev-parse", "HEAD")
    outside = make(mirrors, "outside", {"CMakeLists.txt": _OUTSIDE.format(site=SITE, commit=deep)})
    submodule(outside, inner, "used", f"{SITE}/inner.git")
    submodule(outside, unused, "unused", f"{SITE}/unused.git")
    git(commit(outside), "tag", "--annotate", "--message", "one", "v1")
    texts = {"site": SITE, "archive": ARCHIVE, "other": OTHER_ARCHIVE, "sha256": sha256, "commit": deep}
    part = make(mirrors, "part", {"CMakeLists.txt": _PART.format(**texts)})
    submodule(part, inner, "inner", "../inner.git")
    commit(part)
    catalogue, rules = folder / "family.toml", folder / "mirrors.toml"
    catalogue.write_text(catalogue_of("family", "A small family", _TABLES.format(**texts)))
    files = (mirrors / "files").as_uri()
    rules.write_text(
        f'[git]\n"{SITE}/" = "file://{mirrors}/"\n[archives]\n"https://files.nowhere.example/" = "{files}/"\n'
    )
    return Family(mirrors, catalogue, rules, content)
