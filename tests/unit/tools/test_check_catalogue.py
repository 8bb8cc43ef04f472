"""The catalogue against sources: a small repository, and the real ones where they are at hand."""

import os
import subprocess
from pathlib import Path

import pytest
from check_catalogue import check, declared, main

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
FetchContent_Declare(x GIT_REPOSITORY https://example.org/x.git GIT_TAG v1)
"""


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    repository = tmp_path / "part"
    (repository / "src").mkdir(parents=True)
    (repository / "CMakeLists.txt").write_text(CMAKE)
    (repository / "src" / "part.cc").write_text("")
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "-m", "one"]):
        subprocess.run(["git", "-C", str(repository), *words], check=True)
    return tmp_path


def catalogue(options: dict[str, object], files: list[str], ref: str = "v1") -> Catalogue:
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
            "third_party": {"x": {**x, "declared_in": "backend.part"}},
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
    options: dict[str, object] = {"WITH_GPU": {"type": "BOOL", "default": "ON"}}
    assert check(catalogue(options, ["src/part.cc"]), mirrors) == ([], [])


def test_every_difference_is_named(mirrors: Path) -> None:
    options: dict[str, object] = {
        "WITH_GPU": {"type": "BOOL", "default": "OFF"},
        "GONE": {"type": "BOOL"},
    }
    differences, _ = check(catalogue(options, ["src/gone.cc"], "v2"), mirrors)
    assert differences == [
        "backend.part: WITH_GPU is BOOL:ON in its sources",
        "backend.part: its sources declare no option GONE",
        "backend.part: its sources hold no src/gone.cc",
        "third_party.x: backend.part does not name v2",
    ]


def test_repositories_that_are_not_there_are_named(tmp_path: Path) -> None:
    assert check(catalogue({}, []), tmp_path) == ([], ["backend.part"])


@pytest.mark.skipif(
    "TRILITH_TRITON_MIRRORS" not in os.environ,
    reason="TRILITH_TRITON_MIRRORS names no folder with mirrors of the upstream repositories",
)
def test_the_real_sources_say_what_the_catalogue_says() -> None:
    assert main([os.environ["TRILITH_TRITON_MIRRORS"]]) == 0
