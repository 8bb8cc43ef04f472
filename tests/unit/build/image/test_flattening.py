"""Layers as one archive: what upper layers say counts."""

import tarfile
from pathlib import Path

import pytest

from support.images import make_layout, member
from trilith.build.image.flattening import flatten
from trilith.build.image.reading import open_image
from trilith.build.problems import BuildError


def flat(tmp_path: Path, *layers: list[tuple[tarfile.TarInfo, bytes]]) -> dict[str, tuple[bytes, str]]:
    """Flatten layers; content and target of each path."""
    image = open_image(make_layout(tmp_path / "layout", layers))
    with tarfile.open(flatten(image.layers, tmp_path / "root.tar")) as archive:
        told = {}
        for one in archive:
            file = archive.extractfile(one) if one.isreg() else None
            assert one.name not in told
            told[one.name] = (file.read() if file else b"", one.linkname)
        return told


def test_the_upper_layer_counts_and_whiteouts_hide(tmp_path: Path) -> None:
    lower = [(member("a/one"), b"1"), (member("a/two"), b"2"), (member("b/x"), b"x"), (member("c"), b"c")]
    upper = [(member("./a/one"), b"new"), (member("b/.wh..wh..opq"), b""), (member("b/y"), b"y")]
    upper += [(member(".wh.c"), b""), (member("a/.wh.two"), b"")]
    assert flat(tmp_path, lower, upper) == {"a/one": (b"new", ""), "b/y": (b"y", "")}


def test_a_file_in_place_of_a_folder_hides_what_was_in_it(tmp_path: Path) -> None:
    lower = [(member("a", tarfile.DIRTYPE), b""), (member("a/one"), b"1")]
    assert flat(tmp_path, lower, [(member("a", tarfile.SYMTYPE, "b"), b"")]) == {"a": (b"", "b")}


def test_hard_links_stay_while_their_target_does(tmp_path: Path) -> None:
    lower = [(member("one"), b"1"), (member("two", tarfile.LNKTYPE, "./one"), b"")]
    assert flat(tmp_path, lower) == {"one": (b"1", ""), "two": (b"", "one")}
    hidden = flat(tmp_path / "hidden", lower, [(member("one"), b"other")])
    assert hidden == {"one": (b"other", ""), "two": (b"1", "")}


def test_owners_and_modes_are_kept(tmp_path: Path) -> None:
    owned = member("bin/su", mode=0o4755)
    owned.uid, owned.gid = 3, 42
    image = open_image(make_layout(tmp_path / "layout", [[(owned, b"su")]]))
    with tarfile.open(flatten(image.layers, tmp_path / "root.tar")) as archive:
        found = archive.getmember("bin/su")
    assert (found.mode, found.uid, found.gid) == (0o4755, 3, 42)


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/etc/passwd"])
def test_what_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BuildError, match="leads out of the image's root"):
        flat(tmp_path, [(member(name), b"")])
