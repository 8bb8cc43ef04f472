"""What the dynamic linker would find, without asking it."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.elf import make_library
from trilith.build.binaries import Damaged, Tree, close, read
from trilith.build.binaries.closure import Closure, Outdated, _Walk
from trilith.build.binaries.elf import Binary, cxx_abi
from trilith.build.binaries.search import Linker


def found(root: Path, *names: str, **more: object) -> list[str]:
    closure = close(Tree(root), [root / name for name in names], "x86_64", **more)  # type: ignore[arg-type]
    return sorted([*closure.libraries, *(f"missing {item.library}" for item in closure.missing)])


def test_a_library_says_what_it_is(tmp_path: Path) -> None:
    path = make_library(
        tmp_path / "größe" / "liba.so",
        soname="liba.so.1",
        needed=["libb.so", "libc.so"],
        search="$ORIGIN:/opt/x",
    )
    binary = read(path)
    assert binary
    assert (binary.name, binary.needed, binary.runpath) == (
        "liba.so.1",
        ("libb.so", "libc.so"),
        ("$ORIGIN", "/opt/x"),
    )
    assert (binary.machine, binary.bits) == ("x86_64", 64)


def test_a_text_is_no_binary(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("#!/bin/sh\n")
    assert read(tmp_path / "a") is None


@pytest.mark.parametrize("kept", [5, 40, 63])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, kept: int) -> None:
    path = make_library(tmp_path / "liba.so", soname="liba.so.1", needed=["libb.so"])
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(Damaged, match=r"liba\.so: not a whole ELF file"):
        read(path)


@given(st.data())
@settings(deadline=None)
def test_a_file_that_lies_is_read_or_named(data: st.DataObject) -> None:
    """Whatever bytes follow the magic number, nothing but `Damaged` is raised."""
    with TemporaryDirectory() as folder:
        path = make_library(Path(folder) / "liba.so", soname="liba.so.1", needed=["libb.so"], symbols=["f"])
        content = bytearray(path.read_bytes())
        for place, value in data.draw(
            st.lists(st.tuples(st.integers(4, len(content) - 1), st.integers(0, 255)), max_size=8)
        ):
            content[place] = value
        path.write_bytes(content)
        with suppress(Damaged):
            read(path)
        with suppress(Damaged):
            cxx_abi(path)


def test_origin_is_the_folder_of_who_needs_it(tmp_path: Path) -> None:
    make_library(tmp_path / "opt/a/liba.so", needed=["libb.so"], search="$ORIGIN/../b")
    make_library(tmp_path / "opt/b/libb.so", needed=["libc.so"])
    make_library(tmp_path / "opt/b/libc.so")
    # RUNPATH counts for who has it, not for what it loads.
    assert found(tmp_path, "opt/a/liba.so") == ["/opt/a/../b/libb.so", "missing libc.so"]


def test_an_rpath_counts_for_everything_below(tmp_path: Path) -> None:
    make_library(tmp_path / "opt/a/liba.so", needed=["libb.so"], search="rpath $ORIGIN/../b")
    make_library(tmp_path / "opt/b/libb.so", needed=["libc.so"])
    make_library(tmp_path / "opt/b/libc.so")
    assert found(tmp_path, "opt/a/liba.so") == ["/opt/a/../b/libb.so", "/opt/a/../b/libc.so"]


def test_a_loaders_rpath_serves_its_plug_ins(tmp_path: Path) -> None:
    server = make_library(tmp_path / "opt/bin/server", search="rpath $ORIGIN/../lib")
    make_library(tmp_path / "opt/backends/x/libx.so", needed=["libb.so"])
    make_library(tmp_path / "opt/lib/libb.so")
    assert found(tmp_path, "opt/backends/x/libx.so") == ["missing libb.so"]
    assert found(tmp_path, "opt/backends/x/libx.so", loader=server) == ["/opt/bin/../lib/libb.so"]


def test_configured_and_named_folders_are_searched(tmp_path: Path) -> None:
    make_library(tmp_path / "a.so", needed=["libb.so", "libc.so", "libd.so"])
    make_library(tmp_path / "opt/b/libb.so")
    make_library(tmp_path / "named/libc.so")
    make_library(tmp_path / "usr/lib/x86_64-linux-gnu/libd.so")
    (tmp_path / "etc/conf.d").mkdir(parents=True)
    (tmp_path / "etc/ld.so.conf").write_text("include conf.d/*.conf\n")
    (tmp_path / "etc/conf.d/b.conf").write_text("# where b lies\n/opt/b # here\ninclude ../ld.so.conf\n")
    assert found(tmp_path, "a.so", folders=["/named"]) == [
        "/named/libc.so",
        "/opt/b/libb.so",
        "/usr/lib/x86_64-linux-gnu/libd.so",
    ]


def test_a_library_for_another_machine_is_passed_over(tmp_path: Path) -> None:
    make_library(tmp_path / "a.so", needed=["libb.so"], search="rpath /one:/two")
    make_library(tmp_path / "one/libb.so", machine="aarch64")
    assert found(tmp_path, "a.so") == ["missing libb.so"]
    make_library(tmp_path / "two/libb.so")
    assert found(tmp_path, "a.so") == ["/two/libb.so"]


def test_links_are_followed_inside_the_root(tmp_path: Path) -> None:
    make_library(tmp_path / "a.so", needed=["libb.so"])
    make_library(tmp_path / "real/libb.so.1")
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/libb.so").symlink_to("/real/libb.so.1")
    assert found(tmp_path, "a.so") == ["/usr/lib/libb.so"]
    (tmp_path / "usr/lib/libb.so").unlink()
    (tmp_path / "usr/lib/libb.so").symlink_to("libb.so")
    assert found(tmp_path, "a.so") == ["missing libb.so"]


def test_libraries_that_need_each_other_are_followed_once(tmp_path: Path) -> None:
    make_library(tmp_path / "lib/a.so", needed=["b.so"])
    make_library(tmp_path / "lib/b.so", needed=["a.so"])
    assert found(tmp_path, "lib/a.so") == ["/lib/a.so", "/lib/b.so"]


def test_a_version_that_a_library_lacks_is_told() -> None:
    tree = Tree(Path("/"))
    walk = _Walk(tree, Linker(tree, "x86_64"), "x86_64")
    user = Binary(Path("a.so"), "x86_64", 64, wants={"libc.so.6": ("GLIBC_2.17", "GLIBC_2.99")})
    there = Binary(Path("libc.so.6"), "x86_64", 64, defines=("GLIBC_2.17", "GLIBC_2.36"))
    walk._versions("libc.so.6", user, "/a.so", (there, "/lib/libc.so.6"))
    assert isinstance(walk.found, Closure)
    assert walk.found.outdated == [Outdated("libc.so.6", "/lib/libc.so.6", "GLIBC_2.99", "/a.so")]


def test_the_libraries_of_this_python_are_all_here() -> None:
    folder = Path(np.__file__).parent
    closure = close(Tree(Path("/")), folder.rglob("*.so"), read_machine(folder))
    assert closure.libraries
    assert (closure.missing, closure.outdated, closure.damaged, closure.foreign) == ([], [], [], [])


def read_machine(folder: Path) -> str:
    binary = read(next(folder.rglob("*.so")))
    assert binary
    return binary.machine


@pytest.mark.parametrize(
    ("symbols", "abi"),
    [
        (["_ZN1a1fENSt7__cxx1112basic_stringIcEE", "_ZN1a1gESs"], "new"),
        (["_ZN1a1gERKSs"], "old"),
        (["plain_c", "_ZN1a1hEi"], ""),
    ],
)
def test_the_abi_of_a_library_shows_in_its_symbols(tmp_path: Path, symbols: list[str], abi: str) -> None:
    assert cxx_abi(make_library(tmp_path / "liba.so", symbols=symbols)) == abi
