"""Images are unpacked where they were told to and nowhere else."""

import tarfile
from pathlib import Path

import pytest

from support.images import make_layout, member
from trilith.build.image import open_image, unpack
from trilith.build.image.unpacking import read_file
from trilith.build.problems import BuildError

Layers = list[list[tuple[tarfile.TarInfo, bytes]]]


def unpacked(tmp_path: Path, layers: Layers) -> Path:
    return unpack(open_image(make_layout(tmp_path / "image", layers)), tmp_path / "root").root


def names(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BuildError, match="leads out"):
        unpacked(tmp_path, [[(member(name), b"x")]])
    assert not (tmp_path / "outside").exists()


def test_a_link_that_leads_out_leads_to_a_place_in_the_root(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    for number, target in enumerate((str(tmp_path / "victim"), "../../victim", "../victim")):
        layers = [[(member("door", tarfile.SYMTYPE, target), b""), (member("door/file"), b"x")]]
        place = tmp_path / str(number)
        place.mkdir()
        unpacked(place, layers)
        assert not list((tmp_path / "victim").iterdir())


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    layers = [[(member("file", tarfile.SYMTYPE, str(tmp_path / "victim")), b"")], [(member("file"), b"x")]]
    root = unpacked(tmp_path, layers)
    assert (tmp_path / "victim").read_text() == "kept"
    assert (root / "file").read_text() == "x"


def test_hard_links_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    layers = [
        [
            (member("door", tarfile.SYMTYPE, str(tmp_path)), b""),
            (member("file", tarfile.LNKTYPE, "door/victim"), b""),
        ]
    ]
    with pytest.raises(BuildError, match="which is not there"):
        unpacked(tmp_path, layers)


def test_links_without_an_end_are_refused(tmp_path: Path) -> None:
    layers = [
        [
            (member("a", tarfile.SYMTYPE, "b"), b""),
            (member("b", tarfile.SYMTYPE, "a"), b""),
            (member("a/file"), b"x"),
        ]
    ]
    with pytest.raises(BuildError, match="without an end"):
        unpacked(tmp_path, layers)


def test_whiteouts_take_away_what_lower_layers_brought(tmp_path: Path) -> None:
    layers: Layers = [
        [
            (member("a/one"), b"1"),
            (member("a/two"), b"2"),
            (member("b/one"), b"1"),
            (member("b/deep/x"), b"x"),
        ],
        [(member("a/.wh.one"), b""), (member("b/new"), b"n"), (member("b/.wh..wh..opq"), b"")],
    ]
    image = open_image(make_layout(tmp_path / "image", layers))
    root = unpack(image, tmp_path / "root").root
    assert names(root) == ["a/two", "b/new"]
    assert read_file(image, "a/one") == b""
    assert read_file(image, "b/deep/x") == b""
    assert read_file(image, "a/two") == b"2"


def test_a_whiteout_does_not_reach_outside(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    layers = [[(member("door", tarfile.SYMTYPE, str(tmp_path)), b""), (member("door/.wh.victim"), b"")]]
    unpacked(tmp_path, layers)
    assert (tmp_path / "victim").read_text() == "kept"


def test_devices_are_left_out_and_named(tmp_path: Path) -> None:
    image = open_image(make_layout(tmp_path / "image", [[(member("dev/null", tarfile.CHRTYPE), b"")]]))
    assert unpack(image, tmp_path / "root").left_out == ["dev/null"]


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    folder = make_layout(tmp_path / "image", [[(member("a"), b"1")]])
    for blob in (folder / "blobs" / "sha256").iterdir():
        if b'"layers"' in blob.read_bytes():
            blob.write_bytes(blob.read_bytes() + b" ")
    with pytest.raises(BuildError, match="not what its hash says"):
        open_image(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"manifests": []}', '{"manifests": [{"digest": "sha256:../../etc/passwd"}]}']
)
def test_an_index_that_is_none_is_explained(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(BuildError, match=str(tmp_path)):
        open_image(tmp_path)


def test_a_layer_that_is_cut_off_is_explained(tmp_path: Path) -> None:
    folder = make_layout(tmp_path / "image", [[(member("a"), b"1" * 5000)]])
    image = open_image(folder)
    blob = folder / "blobs" / "sha256" / image.layers[0].digest.partition(":")[2]
    blob.write_bytes(blob.read_bytes()[:2000])
    with pytest.raises(BuildError, match="cannot be unpacked"):
        unpack(image, tmp_path / "root")
