"""The catalogue against sources: a small repository, and the real ones where they are at hand."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from check_catalogue import check, compare_releases, declared, main
from upstream_script import versions

from trilith.build.catalogue import Catalogue
from trilith.build.catalogue.reading import parse

CMAKE = """
# option(NOT_AN_OPTION "in a comment" ON)
option(WITH_GPU "Whether GPUs are used" ON)
option(
  WITH_STATS
  "Over several lines"
)
set(REPO_TAG "main" CACHE STRING "Which tag")
set(PATHS "" CACHE PATH "Where")
set(FORCED OFF CACHE BOOL "Not for people to set" FORCE)
FetchContent_Declare(x GIT_REPOSITORY https://example.org/x.git GIT_TAG v1)
"""
OPTIONS: dict[str, object] = {
    "WITH_GPU": {"type": "BOOL", "default": "ON"},
    "WITH_STATS": {"type": "BOOL", "default": "OFF"},
    "REPO_TAG": {"type": "STRING", "default": "main"},
    "PATHS": {"type": "PATH", "default": ""},
}


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    repository = tmp_path / "part"
    (repository / "src").mkdir(parents=True)
    (repository / "CMakeLists.txt").write_text(CMAKE)
    (repository / "src" / "part.cc").write_text("")
    subprocess.run(["git", "-C", str(repository), "init", "--quiet"], check=True)
    save(repository)
    return tmp_path


def save(repository: Path, *, add: bool = True) -> None:
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["add", "."] if add else [], [*author, "commit", "--quiet", "-m", "one"]):
        if words:
            subprocess.run(["git", "-C", str(repository), *words], check=True)


def catalogue(
    options: dict[str, object], files: list[str], ref: str = "v1", left_out: Sequence[str] = ()
) -> Catalogue:
    part = {
        "description": "Part",
        "repository": "part",
        "options": options,
        "files": files,
        "checked": {"ref": "main", "commit": "HEAD"},
        "third_party": ["third_party.x"],
    }
    head = {"name": "t", "description": "T", "builder": "cmake", "version": "1", "main": "backend.part"}
    x = {"description": "X", "by": "git", "address": "https://example.org/x.git", "ref": ref}
    return parse(
        {
            "catalogue": head,
            "backend": {"part": part},
            "third_party": {"x": {**x, "declared_in": "backend.part", "left_out": list(left_out)}},
        }
    )


def test_options_are_read_from_cmake() -> None:
    assert declared(CMAKE) == {
        "WITH_GPU": ("BOOL", "ON"),
        "WITH_STATS": ("BOOL", "OFF"),
        "REPO_TAG": ("STRING", "main"),
        "PATHS": ("PATH", ""),
    }


def test_what_the_sources_say_passes(mirrors: Path) -> None:
    assert check(catalogue(OPTIONS, ["src/part.cc"]), mirrors) == ([], [])


def test_every_difference_is_named(mirrors: Path) -> None:
    options = {**OPTIONS, "WITH_GPU": {"type": "BOOL", "default": "OFF"}, "GONE": {"type": "BOOL"}}
    del options["PATHS"]
    text = (mirrors / "part" / "CMakeLists.txt").read_text()
    (mirrors / "part" / "CMakeLists.txt").write_text(
        f"{text}file(DOWNLOAD https://example.org/y.zip y.zip)\n"
    )
    (mirrors / "part" / "large").write_text("x" * 200_000)
    save(mirrors / "part")
    differences, _ = check(catalogue(options, ["src/gone.cc"], "v2"), mirrors)
    where = "backend.part/CMakeLists.txt"
    assert differences == [
        "backend.part: WITH_GPU is BOOL:ON in its sources",
        "backend.part: its sources declare no option GONE",
        "backend.part: its sources declare an option PATHS too",
        "backend.part: its sources hold no src/gone.cc",
        f"backend.part: fetches https://example.org/x.git at v1 ({where}:11), not at ['v2']",
        f"backend.part: fetches https://example.org/y.zip ({where}:12), which the catalogue does not know",
        "backend.part: its sources are 0.2 MB",
        "third_party.x: backend.part does not name v2",
    ]


def test_submodules_of_third_parties_are_all_used_or_left_out(mirrors: Path) -> None:
    third = mirrors / "x"
    third.mkdir()
    subprocess.run(["git", "-C", str(third), "init", "--quiet"], check=True)
    link = f"160000,{'1' * 40},below"
    subprocess.run(["git", "-C", str(third), "update-index", "--add", "--cacheinfo", link], check=True)
    save(third, add=False)
    subprocess.run(["git", "-C", str(third), "tag", "v1"], check=True)
    known = catalogue(OPTIONS, ["src/part.cc"], left_out=["other"])
    assert check(known, mirrors)[0] == [
        "third_party.x: submodule below is neither used nor left out",
        "third_party.x: has no submodule other",
    ]
    assert check(catalogue(OPTIONS, ["src/part.cc"], left_out=["below"]), mirrors) == ([], [])


SCRIPT = """
VERSIONS = {"not": "these"}
DEFAULT_TRITON_VERSION_MAP = {"release_version": "1.0", "ort_version": "1.2"}
parser.add_argument("-v", "--verbose", action="store_true")
parser.add_argument("--backend", action="append", required=False)
parser.add_argument("--build-secret", action="append", nargs=2)
parser.add_argument("--build-dir", type=str)
parser.add_argument("--dryrun", type=str)
parser.add_argument("--novel", type=str)
"""


def test_flags_and_versions_of_a_release_are_compared(mirrors: Path) -> None:
    part = mirrors / "part"
    (part / "build.py").write_text(SCRIPT)
    (part / "TRITON_VERSION").write_text("2.1.0\n")
    save(part)
    subprocess.run(["git", "-C", str(part), "tag", "r22.01"], check=True)
    head = {"name": "t", "description": "T", "builder": "cmake", "version": "1", "main": "backend.part"}
    document = {
        "catalogue": {**head, "release_ref": "r{container-version}"},
        "backend": {"part": {"description": "Part", "repository": "part"}},
        "settings": {"ort-version": {"default": "1.1"}},
        "releases": {"22.01": {"version": "2.0.0"}, "22.02": {"version": "2.1.0"}},
    }
    assert list(compare_releases(parse(document), mirrors)) == [
        "releases.22.01: ort-version is 1.2, not 1.1",
        "releases.22.01: version is 2.1.0, not 2.0.0",
        "--dryrun of build.py of 22.01 takes 1 words, and repeats: False",
        "--novel of build.py of 22.01 is not taken",
        "releases.22.02: there is no r22.02",
    ]


def test_old_tables_of_versions_are_read_by_their_places() -> None:
    row = '("22.01", "22.02", "1.10", "2021.2", (("2021.2", None),), "2.2.9", "x")'
    text = f'TRITON_VERSION_MAP = {{"2.0.0": {row}}}'
    assert versions(text) == {
        "triton-container-version": "22.01",
        "upstream-container-version": "22.02",
        "ort-version": "1.10",
        "ort-openvino-version": "2021.2",
        "dcgm-version": "2.2.9",
    }


def test_repositories_that_are_not_there_are_named(tmp_path: Path) -> None:
    assert check(catalogue({}, []), tmp_path) == ([], ["backend.part"])


@pytest.mark.skipif(
    "TRILITH_TRITON_MIRRORS" not in os.environ,
    reason="TRILITH_TRITON_MIRRORS names no folder with mirrors of the upstream repositories",
)
def test_the_real_sources_say_what_the_catalogue_says() -> None:
    assert main([os.environ["TRILITH_TRITON_MIRRORS"]]) == 0
