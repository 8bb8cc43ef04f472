"""What CMake files fetch, found by reading them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from trilith.build.cmake import Download, Tree, find
from trilith.build.cmake.places import address_places

SHA256 = "ab" * 32


@dataclass(frozen=True)
class Files:
    files: Mapping[str, str]

    def read(self, path: str) -> str | None:
        return self.files.get(path)


def found(text: str, **told: str) -> list[str]:
    return shown(find("part", Files({"CMakeLists.txt": text}), told))


def shown(downloads: list[Download]) -> list[str]:
    return [
        " at ".join(filter(None, (item.address or item.text, item.ref))) + ("" if item.certain else " maybe")
        for item in downloads
    ]


GET = "file(DOWNLOAD https://x.example/${V}.tar.gz there)"
FUNCTION = f"function(get V)\n{GET}\nendfunction()\n"
MACRO = "macro(get)\nfile(DOWNLOAD https://x.example/${ARGN} t)\nendmacro()\n"
KEYWORDS = (
    f'function(get)\ncmake_parse_arguments(A "Q" "V" "M" ${{ARGN}})\nset(V ${{A_V}})\n{GET}\nendfunction()\n'
)
RESULT = "function(v out)\nset(${out} 1.2 PARENT_SCOPE)\nendfunction()\n"


@pytest.mark.parametrize(
    "text",
    [
        "set(V 1.2)\nFetchContent_Declare(x URL https://x.example/${V}.tar.gz)",
        "set(B https://x.example)\nset(W 1 2)\nlist(JOIN W . V)\nExternalProject_Add(x URL ${B}/${V}.tar.gz)",
        'string(CONCAT U "https://" x.example / 1.2 .tar.gz)\nfile(DOWNLOAD ${U} there)',
        'set(U https://x.example)\nstring(APPEND U /1.2 .tar.gz)\nfile(DOWNLOAD "${U}" there)',
        f"set(W 1_2)\nstring(REPLACE _ . V ${{W}})\n{GET}",
        f'string(REGEX REPLACE "v([0-9]+)-" "\\\\1." V "v1-2")\n{GET}',
        f"{FUNCTION}get(1.2)",
        f"{MACRO}get(1.2.tar.gz)",
        f"{KEYWORDS}get(Q V 1.2 M a b)",
        f"{RESULT}v(V)\n{GET}",
        f"foreach(V IN ITEMS 1.2)\n{GET}\nendforeach()",
        f"set(many 1.2)\nforeach(V IN LISTS many)\n{GET}\nendforeach()",
        "set(KEY V)\nset(V 1.2)\nfile(DOWNLOAD https://x.example/${${KEY}}.tar.gz there)",
        f"project(p VERSION 1.2)\nset(V ${{PROJECT_VERSION}})\n{GET}",
        f"if(WIN32)\nset(V 9)\nelse()\nset(V 1.2)\nendif()\n{GET}",
    ],
)
def test_an_address_of_variables_is_put_together(text: str) -> None:
    assert found(text) == ["https://x.example/1.2.tar.gz"]


def test_what_cmake_is_told_comes_before_what_the_sources_say() -> None:
    text = f'set(V 1 CACHE STRING "")\noption(WITH "w" OFF)\nif(WITH)\n{GET}\nendif()'
    assert found(text) == []
    assert found(text, WITH="ON", V="2") == ["https://x.example/2.tar.gz"]


def test_both_ways_are_looked_at_where_nobody_knows() -> None:
    text = "if(NOBODY)\nset(V 1)\nelse()\nset(V 2)\nendif()\nfile(DOWNLOAD https://x.example/${V} t)"
    assert found(text) == ["https://x.example/1 maybe", "https://x.example/2 maybe"]


def test_an_address_that_only_cmake_knows_is_shown_as_it_is_written() -> None:
    assert found("file(DOWNLOAD ${NOBODY}/x.zip t)") == ["${NOBODY}/x.zip"]
    assert found("file(DOWNLOAD $ENV{NOBODY} t)") == ["$ENV{NOBODY}"]


def test_several_addresses_of_one_archive_and_its_hash() -> None:
    text = "set(L https://a.example/x https://b.example/x)\n"
    text += f"FetchContent_Declare(x URL ${{L}} URL_HASH SHA256={SHA256})"
    downloads = find("part", Files({"CMakeLists.txt": text}), {})
    assert [(item.address, item.sha256) for item in downloads] == [
        ("https://a.example/x", SHA256),
        ("https://b.example/x", SHA256),
    ]


def test_clones_have_addresses_and_refs() -> None:
    text = """
set(ORG https://g.example CACHE STRING "")
FetchContent_Declare(a GIT_REPOSITORY ${ORG}/a.git GIT_TAG origin/main GIT_SHALLOW ON)
ExternalProject_Add(b GIT_REPOSITORY "${ORG}/b.git")
ExternalProject_Add(c GIT_REPOSITORY ${ORG}/c.git GIT_TAG v1 EXCLUDE_FROM_ALL ON)
ExternalProject_Add(d SOURCE_DIR here DOWNLOAD_COMMAND "")
ExternalProject_Add(e GIT_REPOSITORY ${CMAKE_CURRENT_SOURCE_DIR}/e)
"""
    assert found(text, ORG="https://m.example") == [
        "https://m.example/a.git at main",
        "https://m.example/b.git at master",
        "https://m.example/c.git at v1 maybe",
    ]


def test_folders_includes_and_projects_inside_are_walked_through() -> None:
    inner = "file(DOWNLOAD https://x.example/${V}/${W} t)"
    part = Files(
        {
            "CMakeLists.txt": "set(V 1)\nlist(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_SOURCE_DIR}/modules)\n"
            "include(Helper)\ninclude(cmake/more.cmake)\nadd_subdirectory(below)\n"
            "ExternalProject_Add(nested SOURCE_DIR ${CMAKE_CURRENT_SOURCE_DIR}/nested\n"
            "  CMAKE_CACHE_ARGS -DV:STRING=2 -DW:STRING=nested)\n",
            "modules/Helper.cmake": "set(W module)\n" + inner,
            "cmake/more.cmake": "set(W more)\ninclude(${CMAKE_CURRENT_LIST_DIR}/again.cmake)",
            "cmake/again.cmake": inner,
            "below/CMakeLists.txt": "set(W below)\nadd_subdirectory(deep)",
            "below/deep/CMakeLists.txt": inner,
            "nested/CMakeLists.txt": 'set(V 0 CACHE STRING "")\n' + inner,
        }
    )
    downloads = find("part", part, {})
    assert shown(downloads) == [
        "https://x.example/1/module",
        "https://x.example/1/more",
        "https://x.example/1/below",
        "https://x.example/2/nested",
    ]
    assert [item.where for item in downloads] == [
        "part/modules/Helper.cmake:2",
        "part/cmake/again.cmake:1",
        "part/below/deep/CMakeLists.txt:1",
        "part/nested/CMakeLists.txt:2",
    ]


def test_what_is_fetched_is_looked_into_with_what_it_is_told() -> None:
    sources: dict[str, Tree] = {
        "https://g.example/common.git": Files(
            {"CMakeLists.txt": "if(TESTS)\nfile(DOWNLOAD https://x.example/t t)\nendif()"}
        ),
        "https://g.example/outside.git": Files({"CMakeLists.txt": "file(DOWNLOAD https://x.example/${V} t)"}),
    }
    text = """
set(TESTS ON)
FetchContent_Declare(common GIT_REPOSITORY https://g.example/common.git GIT_TAG main)
FetchContent_MakeAvailable(common)
FetchContent_Declare(common GIT_REPOSITORY https://g.example/common.git GIT_TAG main)
FetchContent_MakeAvailable(common)
ExternalProject_Add(outside GIT_REPOSITORY https://g.example/outside.git GIT_TAG v1 CMAKE_ARGS -DV=3)
"""
    downloads = find(
        "part", Files({"CMakeLists.txt": text}), {}, follow=lambda item: sources.get(item.address)
    )
    assert [item.address for item in downloads if item.kind == "archives"] == [
        "https://x.example/t",
        "https://x.example/3",
    ]


def test_projects_and_functions_that_call_themselves_end() -> None:
    itself = Files(
        {
            "CMakeLists.txt": "function(f)\nf()\nendfunction()\nf()\n"
            "include(CMakeLists.txt)\nadd_subdirectory(.)\n"
            "ExternalProject_Add(me GIT_REPOSITORY https://g.example/me GIT_TAG v1)"
        }
    )
    assert find("me", itself, {}, follow=lambda _: itself)


def test_places_of_composed_addresses_are_told() -> None:
    text = "set(V 1)\nFetchContent_Declare(x\n  URL https://x.example/${V} ${OTHER} URL_HASH SHA256=0)\n"
    text += "file(DOWNLOAD https://plain t)\n"
    ((start, first, last),) = address_places(text, every=False)
    assert text[start:].startswith("FetchContent_Declare(x")
    assert text[first:last] == "https://x.example/${V} ${OTHER}"
